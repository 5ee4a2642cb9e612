"""The benchmark's result as a table for people and as JSON for the next run to be compared with."""

import json
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.changes import Delays
from benchmarks.throughput import Measurement

RESULTS = Path(__file__).parent / "results"

STATIC_ENVOY, TEAL = "(b) static Envoy", "(c) Teal"
THROUGHPUT_BAR = 0.9
UPDATE_BAR_MS = 50
DEPLOYMENT_BAR_MS = 2000


@dataclass(frozen=True, slots=True)
class Report:
    measurements: dict[str, Measurement]
    traffic_update: Delays
    warm_deployment: Delays

    @property
    def throughput_ratio(self) -> float:
        return self.measurements[TEAL].per_second / self.measurements[STATIC_ENVOY].per_second

    def missed_bars(self) -> list[str]:
        update_ms, deployment_ms = self.traffic_update.p50_ms, self.warm_deployment.p50_ms
        bars = [
            (self.throughput_ratio >= THROUGHPUT_BAR, f"(c) at least {THROUGHPUT_BAR} × (b)"),
            (update_ms < UPDATE_BAR_MS, f"a traffic update within {UPDATE_BAR_MS} ms"),
            (deployment_ms < DEPLOYMENT_BAR_MS, f"a warm deployment within {DEPLOYMENT_BAR_MS} ms"),
        ]
        return [words for is_met, words in bars if not is_met]


def print_report(report: Report) -> None:
    console = Console(highlight=False)
    table = Table("target", "requests/s", "p50 ms", "p99 ms", "not 200", "CPU µs per request")
    for name, one in report.measurements.items():
        cpu = ", ".join(f"{part} {spent:.0f}" for part, spent in one.cpu_us_per_request.items())
        table.add_row(name, f"{one.per_second:,.0f}", f"{one.p50_ms:.2f}", f"{one.p99_ms:.2f}", str(one.refused), cpu)
    console.print(table)
    console.print(f"(c) / (b): {report.throughput_ratio:.2f}")
    console.print(f"traffic update to first answer: {format_delays(report.traffic_update)}")
    console.print(f"warm deployment to first answer: {format_delays(report.warm_deployment)}")
    for missed in report.missed_bars():
        console.print(f"bar missed: {missed}")


def write_report(report: Report) -> Path:
    RESULTS.mkdir(exist_ok=True)
    machine = {"system": platform.platform(), "python": platform.python_version(), "processors": psutil.cpu_count()}
    written = asdict(report) | {"throughput_ratio": report.throughput_ratio, "machine": machine}
    path = RESULTS / time.strftime("%Y%m%dT%H%M%SZ.json", time.gmtime())
    path.write_text(json.dumps(written, indent=2) + "\n")
    return path


def format_delays(delays: Delays) -> str:
    return f"p50 {delays.p50_ms:.1f} ms, worst {delays.worst_ms:.1f} ms, n={delays.n}"
