"""What size costs: a table for people, JSON, and a plot. Called by __main__.py."""

import json
import platform
import time
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from statistics import median

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.scale.control_plane import SizeMeasured
from benchmarks.throughput import Measurement

RESULTS = Path(__file__).parents[1] / "results"

THROUGHPUT_BAR = 0.9
UPDATE_BAR_MS = 25.0
RESTART_BAR_S, RESTART_BAR_AT = 10.0, 1000


@dataclass(frozen=True, slots=True)
class ScaleReport:
    """Sizes in the order they were asked for; the first is what others are compared with."""

    sizes: list[SizeMeasured]
    loads: dict[int, list[Measurement]]

    def throughput_ratio(self, size: SizeMeasured) -> float:
        """To the first size, round by round, so that what disturbs the machine for a while disturbs both."""
        pairs = zip(self.loads[size.endpoints], self.loads[self.sizes[0].endpoints], strict=True)
        return median(one.per_second / first.per_second for one, first in pairs)

    def cpu_ratio(self, size: SizeMeasured) -> float:
        """Of the gateway, to the first size, round by round: what is left where other work takes the machine."""
        pairs = zip(self.loads[size.endpoints], self.loads[self.sizes[0].endpoints], strict=True)
        return median(one.cpu_us_per_request["gateway"] / first.cpu_us_per_request["gateway"] for one, first in pairs)

    def missed_bars(self) -> list[str]:
        bars: list[tuple[bool, str]] = []
        for size in self.sizes:
            at = f"at {size.endpoints:,} endpoints"
            bars += [
                (self.throughput_ratio(size) >= THROUGHPUT_BAR, f"{THROUGHPUT_BAR} × the first size's rate {at}"),
                (size.update_p50_ms < UPDATE_BAR_MS, f"an update in force within {UPDATE_BAR_MS:g} ms {at}"),
                (
                    size.passes_per_update <= self.sizes[0].passes_per_update + 2,
                    f"no more passes for one change than with the first size {at}",
                ),
            ]
            if size.endpoints <= RESTART_BAR_AT:
                bars.append((size.restart_s < RESTART_BAR_S, f"restart to converged within {RESTART_BAR_S:g} s {at}"))
        return [words for is_met, words in bars if not is_met]


def print_report(report: ScaleReport) -> None:
    console = Console(highlight=False)
    table = Table("", *(f"{size.endpoints:,}" for size in report.sizes))
    for label, cells in build_rows(report):
        table.add_row(label, *cells)
    console.print(table)
    for missed in report.missed_bars():
        console.print(f"bar missed: {missed}")


def build_rows(report: ScaleReport) -> list[tuple[str, list[str]]]:
    def rate(size: SizeMeasured) -> str:
        return f"{median(one.per_second for one in report.loads[size.endpoints]):,.0f}"

    def p99(size: SizeMeasured) -> str:
        return f"{median(one.p99_ms for one in report.loads[size.endpoints]):.1f}"

    def cpu(size: SizeMeasured) -> str:
        return f"{median(one.cpu_us_per_request['gateway'] for one in report.loads[size.endpoints]):.0f}"

    sizes = report.sizes
    return [
        ("requests/s", [rate(size) for size in sizes]),
        ("× the first size, round by round", [f"{report.throughput_ratio(size):.2f}" for size in sizes]),
        ("CPU for each request, × the first size", [f"{report.cpu_ratio(size):.2f}" for size in sizes]),
        ("p99 ms under load", [p99(size) for size in sizes]),
        ("CPU of the gateway per request, µs", [cpu(size) for size in sizes]),
        ("update in force, p50 ms", [f"{size.update_p50_ms:.1f}" for size in sizes]),
        ("update in force, worst ms", [f"{size.update_worst_ms:.1f}" for size in sizes]),
        ("passes of the loop per update", [f"{size.passes_per_update:.1f}" for size in sizes]),
        ("transactions per update", [f"{size.transactions_per_update:.1f}" for size in sizes]),
        ("passes/s when idle", [f"{size.idle_passes_per_s:.1f}" for size in sizes]),
        ("CPU of the control plane when idle, ms/s", [f"{size.idle_control_plane_ms_per_s:.0f}" for size in sizes]),
        ("CPU of the gateway when idle, ms/s", [f"{size.idle_gateway_ms_per_s:.0f}" for size in sizes]),
        ("control plane restarted, s", [f"{size.restart_s:.2f}" for size in sizes]),
        ("of it processor time, s", [f"{size.restart_cpu_s:.2f}" for size in sizes]),
        ("with the gateway, s", [f"{size.restart_with_gateway_s:.2f}" for size in sizes]),
        ("memory of the control plane, MiB", [f"{size.control_plane_mib:.0f}" for size in sizes]),
        ("memory of Envoy, MiB", [f"{size.gateway_mib:.0f}" for size in sizes]),
    ]


def write_report(report: ScaleReport) -> Path:
    """JSON and a plot beside it."""
    RESULTS.mkdir(exist_ok=True)
    machine = {
        "system": platform.platform(), "python": platform.python_version(), "processors": psutil.cpu_count(),
        "load": psutil.getloadavg(),
    }  # fmt: skip
    hidden = {"first_key", "last_key", "first_path", "last_path", "gateway_port", "gateway_pid"}
    sizes = [{k: v for k, v in asdict(size).items() if k not in hidden} for size in report.sizes]
    loads = {size: [asdict(one) for one in measured] for size, measured in report.loads.items()}
    path = RESULTS / time.strftime("scale-%Y%m%dT%H%M%SZ.json", time.gmtime())
    content = {"sizes": sizes, "loads": loads, "missed": report.missed_bars(), "machine": machine}
    path.write_text(json.dumps(content, indent=1) + "\n")
    path.with_suffix(".svg").write_text(build_plot(report))
    return path


def build_plot(report: ScaleReport) -> str:
    """One small bar chart for each row of the table."""
    width, height, columns = 250, 130, 4
    charts = build_rows(report)
    rows = (len(charts) + columns - 1) // columns
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * columns}" height="{height * rows}" '
        'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>'
    ]
    for number, (label, cells) in enumerate(charts):
        left, top = number % columns * width + 12, number // columns * height + 18
        values = [float(cell.replace(",", "")) for cell in cells]
        highest = max(values) or 1.0
        parts.append(f'<text x="{left}" y="{top}" font-weight="bold">{escape(label)}</text>')
        for place, (size, cell, value) in enumerate(zip(report.sizes, cells, values, strict=True)):
            x, bar = left + place * 70, 60 * value / highest
            parts.append(f'<rect x="{x}" y="{top + 80 - bar:.1f}" width="40" height="{bar:.1f}" fill="#2a9d8f"/>')
            parts.append(f'<text x="{x}" y="{top + 76 - bar:.1f}">{escape(cell)}</text>')
            parts.append(f'<text x="{x}" y="{top + 94}">{size.endpoints:,}</text>')
    return "\n".join([*parts, "</svg>\n"])
