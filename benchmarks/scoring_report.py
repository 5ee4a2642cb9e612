"""The comparison of scoring servers as a table, as JSON, and as a drawing, in docs/benchmarks. Used by
benchmarks/scoring.py."""

import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import psutil

from benchmarks.load import LoadResult
from benchmarks.scoring_load import HAS_WRK
from benchmarks.scoring_peers import MLSERVER, REFERENCE, TEAL

DOCS = Path(__file__).parents[1] / "docs" / "benchmarks"
BARS = {REFERENCE: 9.0, MLSERVER: 6.0}
START_BAR_S = 0.5
IDLE_BAR_BYTES = 80_000_000
CAPTURE_BAR_PERCENT = 10.0
TITLES = {"sum_rows": "Sum of rows", "diabetes": "Diabetes model"}


@dataclass(frozen=True)
class Body:
    """What one large body costs."""

    script: str
    size: int
    seconds: float
    idle_bytes: int
    peak_bytes: int
    after_bytes: int


@dataclass(frozen=True)
class Capture:
    """Requests a second and processor time a request, without and with every request recorded."""

    per_second_off: list[float]
    per_second_on: list[float]
    cpu_us_off: list[float]
    cpu_us_on: list[float]

    @property
    def loss_percent(self) -> float:
        """Of throughput, round by round."""
        pairs = zip(self.per_second_off, self.per_second_on, strict=True)
        return median((1 - on / off) * 100 for off, on in pairs)


@dataclass(frozen=True)
class Report:
    versions: dict[str, str]
    throughput: dict[str, dict[str, list[LoadResult]]]
    alone: dict[str, list[float]]
    """Calls of run() per second in a plain loop, without any server."""
    start_s: list[float]
    idle_bytes: int
    bodies: list[Body]
    capture: Capture

    def ratio(self, script: str, to: str) -> float:
        """Requests a second as a multiple of a peer's, round by round."""
        results = self.throughput[script]
        return median(
            ours.per_second / theirs.per_second for ours, theirs in zip(results[TEAL], results[to], strict=True)
        )

    def ceiling(self, script: str, of: str) -> float:
        """How many times as fast as `of` a server could be that costs nothing, round by round."""
        rounds = zip(self.alone[script], self.throughput[script][of], strict=True)
        return median(calls / theirs.per_second for calls, theirs in rounds)

    def missed_bars(self) -> list[str]:
        return [words for is_met, words in self._bars() if not is_met]

    def _bars(self) -> Iterator[tuple[bool, str]]:
        for name, bar in BARS.items():
            if name in self.versions:
                ratio = self.ratio("sum_rows", name)
                yield ratio >= bar, f"sum of rows: at least {bar:g} × {name} (is {ratio:.1f})"
                for script, results in self.throughput.items():
                    ours, theirs = (median(one.p99_ms for one in results[who]) for who in (TEAL, name))
                    yield ours < theirs, f"{TITLES[script]}: p99 below that of {name} ({ours:.2f} and {theirs:.2f} ms)"
        start, idle, loss = median(self.start_s), self.idle_bytes, self.capture.loss_percent
        yield start < START_BAR_S, f"start to first answer under {START_BAR_S} s (is {start:.2f})"
        yield idle < IDLE_BAR_BYTES, f"idle memory under {IDLE_BAR_BYTES / 1e6:.0f} MB (is {idle / 1e6:.0f})"
        yield loss < CAPTURE_BAR_PERCENT, f"capture costs under {CAPTURE_BAR_PERCENT:g} % (is {loss:.1f} %)"


def print_report(report: Report) -> None:
    print(format_report(report))


def write_report(report: Report) -> Path:
    DOCS.mkdir(parents=True, exist_ok=True)
    written = asdict(report) | {"machine": describe_machine(), "missed_bars": report.missed_bars()}
    (DOCS / "scoring.json").write_text(json.dumps(written, indent=1) + "\n")
    (DOCS / "scoring.svg").write_text(draw(report))
    path = DOCS / "scoring.md"
    path.write_text(format_report(report))
    return path


def format_report(report: Report) -> str:
    lines = [
        "# Scoring servers side by side",
        "",
        "Written by `make bench-scoring`: every server with one worker and the same script, on one machine together",
        f"with the load generator ({'wrk' if HAS_WRK else 'benchmarks/load.py'}, 16 connections); medians of the",
        "rounds, ratios round by round. `teal-scoring` runs with `TEAL_MAX_CONCURRENT=16`.",
        f"{describe_machine()}.",
        "",
        "MLServer appears twice: by its inference protocol, which is how its clients ask (the bar), and with the same",
        "bare JSON on a route of its own, which leaves out what the protocol does.",
        "",
        "![Requests a second](scoring.svg)",
    ]
    for script, results in report.throughput.items():
        lines += [
            "",
            f"## {TITLES[script]}",
            "",
            "| server | requests/s | p50 ms | p99 ms | not 200 | teal-scoring is |",
        ]
        lines.append("|---|---:|---:|---:|---:|---:|")
        for name, measured in results.items():
            rate, p50, p99 = (
                median(getattr(one, what) for one in measured) for what in ("per_second", "p50_ms", "p99_ms")
            )
            times = "" if name == TEAL else f"{report.ratio(script, name):.1f} × as fast"
            refused = sum(one.refused for one in measured)
            lines.append(
                f"| {name} {report.versions[name]} | {rate:,.0f} | {p50:.2f} | {p99:.2f} | {refused} | {times} |"
            )
        lines += format_ceiling(report, script)
    lines += ["", "## teal-scoring by itself", "", "| | |", "|---|---|"]
    lines.append(f"| start of the process to first answer, `init()` empty | {median(report.start_s):.2f} s |")
    lines.append(f"| resident memory, parent and one worker, script without imports | {_mb(report.idle_bytes)} |")
    for body in report.bodies:
        what = "bytes to `@rawhttp`" if body.script == "binary" else "JSON to a plain `run()` that parses it"
        speed = f"{body.seconds:.2f} s ({body.size / body.seconds / 1e6:,.0f} MB/s)"
        lines.append(
            f"| one body of {_mb(body.size)}, {what} | {speed}, memory {_mb(body.idle_bytes)} before,"
            f" {_mb(body.peak_bytes)} at most, {_mb(body.after_bytes)} after |"
        )
    capture = report.capture
    cpu_off, cpu_on = median(capture.cpu_us_off), median(capture.cpu_us_on)
    lines.append(
        f"| every request captured, bodies of 1 KB both ways | {capture.loss_percent:.1f} % fewer requests/s;"
        f" {cpu_off:.0f} µs of processor time a request become {cpu_on:.0f} |"
    )
    missed = report.missed_bars()
    lines += ["", "Bars missed: " + ("; ".join(missed) if missed else "none") + "."]
    return "\n".join(lines) + "\n"


def format_ceiling(report: Report, script: str) -> list[str]:
    """The table's last row, and what follows from it."""
    lines = [f"| `run()` alone, no server | {median(report.alone[script]):,.0f} | | | | |"]
    if REFERENCE in report.versions:
        highest = report.ceiling(script, REFERENCE)
        lines += [
            "",
            f"`run()` alone is this script called in a loop by one process. No server with one worker could be more"
            f" than {highest:.1f} × as fast as {REFERENCE} here.",
        ]
    return lines


def describe_machine() -> str:
    """With the load average: other work on the machine costs a server of several threads more than one of one."""
    load = os.getloadavg()[0]
    return (
        f"{platform.system()} {platform.machine()}, {psutil.cpu_count()} processors,"
        f" Python {platform.python_version()}, load average {load:.1f}"
    )


# --- private

_LEFT, _WIDTH, _BAR, _GAP = 210, 720, 20, 8


def draw(report: Report) -> str:
    """Bars of requests a second, one group a script."""
    parts: list[str] = []
    y = 10
    for script, results in report.throughput.items():
        rates = {name: median(one.per_second for one in measured) for name, measured in results.items()}
        y += 22
        parts.append(f'<text x="10" y="{y}" font-weight="bold">{TITLES[script]}: requests/s, one worker</text>')
        y += 10
        for name, rate in rates.items():
            width = max(2, round(rate / max(rates.values()) * (_WIDTH - _LEFT - 90)))
            colour = "#00868b" if name == TEAL else "#b8c4c8"
            parts.append(f'<text x="{_LEFT - 8}" y="{y + 15}" text-anchor="end">{name}</text>')
            parts.append(f'<rect x="{_LEFT}" y="{y}" width="{width}" height="{_BAR}" fill="{colour}"/>')
            parts.append(f'<text x="{_LEFT + width + 6}" y="{y + 15}">{rate:,.0f}</text>')
            y += _BAR + _GAP
    size = f'width="{_WIDTH}" height="{y + 10}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">'
    return "\n".join([head, f'<rect {size} fill="white"/>', *parts, "</svg>"]) + "\n"


def _mb(size: float) -> str:
    return f"{size / 1e6:,.0f} MB"
