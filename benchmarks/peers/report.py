"""Teal beside its peers as tables, JSON and a plot. Called by __main__.py."""

import json
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from statistics import median

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.peers.open_loop import OpenLoopResult
from benchmarks.peers.streams import StreamResult
from benchmarks.throughput import Measurement, build_median

RESULTS = Path(__file__).parents[1] / "results"
DIRECT, ENVOY, ENVOY_SPLIT, TEAL = "instance, direct", "raw Envoy", "raw Envoy, split and mirror", "Teal"
ENVOY_SAME = "raw Envoy, key, split, mirror and log"
ENVOY_SAME_ONE = f"{ENVOY_SAME}, one thread"

THROUGHPUT_BAR = 0.9
OPEN_LOOP_MEAN_BAR_MS, OPEN_LOOP_P99_BAR_MS = 0.3, 1.0
FIRST_BYTE_BAR_MS, BETWEEN_BAR_MS = 1.0, 0.2


@dataclass(frozen=True, slots=True)
class PeersReport:
    """All runs, in the order they were made; the n-th runs of all targets were made one after the other."""

    versions: Mapping[str, str]
    proxies: Mapping[str, list[Measurement]]
    servers: Mapping[str, list[Measurement]]
    open_loop: Mapping[str, list[OpenLoopResult]]
    streams: Mapping[str, list[StreamResult]]
    open_loop_per_second: float

    def throughput_ratio(self, to: str) -> float:
        """Round by round, so that what disturbs the machine for a while disturbs both."""
        pairs = zip(self.proxies[TEAL], self.proxies[to], strict=True)
        return median(teal.per_second / other.per_second for teal, other in pairs)

    def added_ms(self, name: str, member: str) -> float:
        """What a way adds to the direct call, in an open loop."""
        pairs = zip(self.open_loop[name], self.open_loop[DIRECT], strict=True)
        return median(float(getattr(one, member)) - float(getattr(direct, member)) for one, direct in pairs)

    def added_to_streams_ms(self, name: str, member: str) -> float:
        pairs = zip(self.streams[name], self.streams[DIRECT], strict=True)
        return median(float(getattr(one, member)) - float(getattr(direct, member)) for one, direct in pairs)

    def missed_bars(self) -> list[str]:
        bars = [
            (self.throughput_ratio(ENVOY_SAME) >= THROUGHPUT_BAR, f"{THROUGHPUT_BAR} × {ENVOY_SAME}"),
            (self.added_ms(TEAL, "mean_ms") <= OPEN_LOOP_MEAN_BAR_MS, f"mean + {OPEN_LOOP_MEAN_BAR_MS} ms, open loop"),
            (self.added_ms(TEAL, "p99_ms") <= OPEN_LOOP_P99_BAR_MS, f"p99 + {OPEN_LOOP_P99_BAR_MS} ms, open loop"),
            (
                self.added_to_streams_ms(TEAL, "first_p99_ms") <= FIRST_BYTE_BAR_MS,
                f"first byte of a stream + {FIRST_BYTE_BAR_MS} ms at p99",
            ),
            (
                self.added_to_streams_ms(TEAL, "between_p99_ms") <= BETWEEN_BAR_MS,
                f"pieces of a stream + {BETWEEN_BAR_MS} ms at p99",
            ),
        ]
        if self.servers:
            teal = build_median(self.servers[TEAL]).per_second
            bars += [
                (teal > build_median(runs).per_second, f"faster than {name}")
                for name, runs in self.servers.items()
                if name != TEAL
            ]
        return [words for is_met, words in bars if not is_met]


def print_report(report: PeersReport) -> None:
    console = Console(highlight=False, width=120)
    for title, runs in (("gateways, one instance", report.proxies), ("servers", report.servers)):
        if not runs:
            continue
        table = Table(title, "requests/s", "lowest to highest", "p50 ms", "p99 ms", "not 200", "CPU µs per request")
        for name, measured in runs.items():
            one = build_median(measured)
            rates = [run.per_second for run in measured]
            cpu = ", ".join(f"{part} {spent:.0f}" for part, spent in one.cpu_us_per_request.items())
            shown = f"{name} {report.versions[name]}" if name in report.versions else name
            spread = f"{min(rates):,.0f} to {max(rates):,.0f}"
            table.add_row(
                shown, f"{one.per_second:,.0f}", spread, f"{one.p50_ms:.2f}", f"{one.p99_ms:.2f}", str(one.refused), cpu
            )
        console.print(table)
    for other in (ENVOY_SAME, ENVOY_SAME_ONE, ENVOY_SPLIT, ENVOY):
        console.print(f"Teal / {other}: {report.throughput_ratio(other):.2f}, round by round")
    console.print(_build_open_loop(report))
    console.print(_build_streams(report))
    for missed in report.missed_bars():
        console.print(f"bar missed: {missed}")


def write_report(report: PeersReport) -> Path:
    RESULTS.mkdir(exist_ok=True)
    machine = {
        "system": platform.platform(), "python": platform.python_version(), "processors": psutil.cpu_count(),
        "load": psutil.getloadavg(),
    }  # fmt: skip
    path = RESULTS / time.strftime("peers-%Y%m%dT%H%M%SZ.json", time.gmtime())
    content = asdict(report) | {"missed": report.missed_bars(), "machine": machine}
    path.write_text(json.dumps(content, indent=1) + "\n")
    path.with_suffix(".svg").write_text(build_plot(report))
    return path


def build_plot(report: PeersReport) -> str:
    """Requests a second, gateways above, servers below."""
    rows = [(name, build_median(runs).per_second) for name, runs in report.proxies.items()]
    rows += [(f"{name} (with its peers)", build_median(runs).per_second) for name, runs in report.servers.items()]
    highest = max(rate for _, rate in rows)
    height = 24 * len(rows) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="900" height="{height}" font-family="sans-serif" '
        'font-size="12"><rect width="100%" height="100%" fill="white"/>'
    ]
    for number, (name, rate) in enumerate(rows):
        y, width = 10 + 24 * number, 500 * rate / highest
        colour = "#2a9d8f" if name.startswith(TEAL) else "#8d99ae"
        parts.append(f'<text x="270" y="{y + 14}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<rect x="280" y="{y}" width="{width:.0f}" height="18" fill="{colour}"/>')
        parts.append(f'<text x="{290 + width:.0f}" y="{y + 14}">{rate:,.0f}</text>')
    return "\n".join([*parts, "</svg>\n"])


# --- private


def _build_open_loop(report: PeersReport) -> Table:
    table = Table(
        f"open loop, {report.open_loop_per_second:,.0f} requests/s",
        "mean ms", "p50 ms", "p99 ms", "+ mean ms", "+ p99 ms", "refused", "unanswered",
    )  # fmt: skip
    for name, runs in report.open_loop.items():
        table.add_row(
            name,
            *(f"{median(getattr(run, member) for run in runs):.2f}" for member in ("mean_ms", "p50_ms", "p99_ms")),
            f"{report.added_ms(name, 'mean_ms'):+.2f}",
            f"{report.added_ms(name, 'p99_ms'):+.2f}",
            str(sum(run.refused for run in runs)),
            str(sum(run.unanswered for run in runs)),
        )
    return table


def _build_streams(report: PeersReport) -> Table:
    members = ("first_p50_ms", "first_p99_ms", "between_p50_ms", "between_p99_ms")
    table = Table("200 streams", "first p50 ms", "first p99 ms", "between p50 ms", "between p99 ms", "broken")
    for name, runs in report.streams.items():
        cells = (
            f"{median(getattr(run, member) for run in runs):.2f} ({report.added_to_streams_ms(name, member):+.2f})"
            for member in members
        )
        table.add_row(name, *cells, str(sum(run.broken for run in runs)))
    return table
