"""The benchmark's result as a table for people and as JSON for the next run to be compared with."""

import json
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.changes import Delays, WarmDeployments
from benchmarks.throughput import Measurement, build_median

RESULTS = Path(__file__).parent / "results"

STATIC_ENVOY, STATIC_SPLIT, TEAL = "(b) static Envoy", "(b2) static Envoy, split and mirror", "(c) Teal"
STATIC_SAME = "(b3) static Envoy, key, split, mirror and log"
STATIC_SAME_ONE = "(b4) the same with one thread"
THROUGHPUT_BAR = 0.9
UPDATE_BAR_MS = 50
DEPLOYMENT_BAR_MS = 2000
OWN_PART_BAR_MS = 500


@dataclass(frozen=True, slots=True)
class Report:
    rounds: dict[str, list[Measurement]]
    traffic_update: Delays
    warm_deployment: WarmDeployments

    def throughput_ratio(self, to: str) -> float:
        """Round by round, so that what disturbs the machine for a while disturbs both."""
        pairs = zip(self.rounds[TEAL], self.rounds[to], strict=True)
        return median(teal.per_second / other.per_second for teal, other in pairs)

    def missed_bars(self) -> list[str]:
        update_ms, deployment_ms = self.traffic_update.p50_ms, self.warm_deployment.first_answer.p50_ms
        own_ms = self.warm_deployment.own.p50_ms
        bars = [
            (self.throughput_ratio(STATIC_ENVOY) >= THROUGHPUT_BAR, f"(c) at least {THROUGHPUT_BAR} × (b)"),
            (self.throughput_ratio(STATIC_SAME) >= THROUGHPUT_BAR, f"(c) at least {THROUGHPUT_BAR} × (b3)"),
            (update_ms < UPDATE_BAR_MS, f"a traffic update within {UPDATE_BAR_MS} ms"),
            (deployment_ms < DEPLOYMENT_BAR_MS, f"a warm deployment within {DEPLOYMENT_BAR_MS} ms"),
            (own_ms < OWN_PART_BAR_MS, f"the server's part of a warm deployment within {OWN_PART_BAR_MS} ms"),
        ]
        return [words for is_met, words in bars if not is_met]


def print_report(report: Report) -> None:
    console = Console(highlight=False)
    table = Table("target", "requests/s", "p50 ms", "p99 ms", "not 200", "CPU µs per request")
    for name, measured in report.rounds.items():
        one = build_median(measured)
        cpu = ", ".join(f"{part} {spent:.0f}" for part, spent in one.cpu_us_per_request.items())
        table.add_row(name, f"{one.per_second:,.0f}", f"{one.p50_ms:.2f}", f"{one.p99_ms:.2f}", str(one.refused), cpu)
    console.print(table)
    console.print(f"(c) / (b): {report.throughput_ratio(STATIC_ENVOY):.2f}")
    console.print(f"(c) / (b2): {report.throughput_ratio(STATIC_SPLIT):.2f}")
    console.print(f"(c) / (b3), the same work without Teal: {report.throughput_ratio(STATIC_SAME):.2f}")
    console.print(f"(c) / (b4): {report.throughput_ratio(STATIC_SAME_ONE):.2f}")
    console.print(f"traffic update to first answer: {format_delays(report.traffic_update)}")
    warm = report.warm_deployment
    console.print(f"warm deployment to first answer: {format_delays(warm.first_answer)}")
    console.print(f"of it the server's own part, in service included: {format_delays(warm.own)}")
    console.print("step by step: " + ", ".join(f"{name} {ms:.0f} ms" for name, ms in warm.steps_ms.items()))
    for missed in report.missed_bars():
        console.print(f"bar missed: {missed}")


def write_report(report: Report) -> Path:
    RESULTS.mkdir(exist_ok=True)
    machine = {"system": platform.platform(), "python": platform.python_version(), "processors": psutil.cpu_count()}
    written = asdict(report) | {"throughput_ratio": report.throughput_ratio(STATIC_ENVOY), "machine": machine}
    path = RESULTS / time.strftime("%Y%m%dT%H%M%SZ.json", time.gmtime())
    path.write_text(json.dumps(written, indent=2) + "\n")
    return path


def format_delays(delays: Delays) -> str:
    return f"p50 {delays.p50_ms:.1f} ms, worst {delays.worst_ms:.1f} ms, n={delays.n}"
