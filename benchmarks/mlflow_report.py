"""The comparison of servers of MLflow models as a table and as JSON, in docs/benchmarks. Used by
benchmarks/mlflow.py."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.load import LoadResult
from benchmarks.scoring_report import describe_machine

DOCS = Path(__file__).parents[1] / "docs" / "benchmarks"
TEAL, MLFLOW = "teal-scoring", "mlflow models serve"
MLSERVER, MLSERVER_V2 = "mlserver-mlflow", "mlserver-mlflow, inference protocol"
BAR = 3.0
TITLES = {
    "numbers": "Ten numbers: StandardScaler and Ridge",
    "strings": "Raw columns, one of them text: OneHotEncoder, StandardScaler and LogisticRegression",
}


@dataclass(frozen=True)
class Report:
    """`predict_ms` is the processor time of each model's own predict(), at its quickest."""

    throughput: dict[str, dict[str, list[LoadResult]]]
    predict_ms: dict[str, float]
    versions: tuple[str, ...]

    def ratio(self, model: str, to: str) -> float:
        """Requests a second as a multiple of another server's, round by round."""
        results = self.throughput[model]
        pairs = zip(results[TEAL], results[to], strict=True)
        return median(ours.per_second / theirs.per_second for ours, theirs in pairs)

    def missed_bars(self) -> list[str]:
        return [words for is_met, words in self._bars() if not is_met]

    def _bars(self) -> Iterator[tuple[bool, str]]:
        for model, results in self.throughput.items():
            ratio = self.ratio(model, MLFLOW)
            yield ratio >= BAR, f"{model}: at least {BAR:g} × {MLFLOW} (is {ratio:.1f})"
            ours, theirs = (median(one.p99_ms for one in results[who]) for who in (TEAL, MLFLOW))
            yield ours < theirs, f"{model}: p99 below that of {MLFLOW} ({ours:.1f} and {theirs:.1f} ms)"


def print_report(report: Report) -> None:
    print(format_report(report))


def write_report(report: Report) -> Path:
    DOCS.mkdir(parents=True, exist_ok=True)
    written = asdict(report) | {"machine": describe_machine(), "missed_bars": report.missed_bars()}
    (DOCS / "mlflow.json").write_text(json.dumps(written, indent=1) + "\n")
    path = DOCS / "mlflow.md"
    path.write_text(format_report(report))
    return path


def format_report(report: Report) -> str:
    lines = [
        "# Servers of MLflow models side by side",
        "",
        "Written by `make bench-mlflow`: the same model folders, one row a request, one worker and 16 connections, on",
        "one machine together with the load generator; medians of the rounds, ratios round by round. Every server",
        f"runs {', '.join(report.versions)}. Teal runs with `TEAL_MAX_CONCURRENT=16`, MLServer without parallel",
        f"workers. {describe_machine()}.",
    ]
    for model, results in report.throughput.items():
        lines += ["", f"## {TITLES[model]}", "", "| server | requests/s | p50 ms | p99 ms | not 200 | Teal is |"]
        lines += ["|---|--:|--:|--:|--:|--:|"]
        for name, runs in results.items():
            per_second, p50, p99 = (median(getattr(one, part) for one in runs) for part in _PARTS)
            refused = sum(one.refused for one in runs)
            times = "" if name == TEAL else f"{report.ratio(model, name):.1f} ×"
            lines.append(f"| {name} | {per_second:,.0f} | {p50:.1f} | {p99:.1f} | {refused} | {times} |")
        alone = report.predict_ms[model]
        lines += ["", f"The model's own `predict()` of one row takes {alone:.2f} ms of processor time at its quickest."]
    missed = report.missed_bars()
    lines += ["", *(f"- bar missed: {words}" for words in missed), *(["All bars are met."] if not missed else [])]
    return "\n".join(lines) + "\n"


# --- private

_PARTS = ("per_second", "p50_ms", "p99_ms")
