"""What a soak has shown: a table for people, JSON for machines, a plot over time. Called by __main__.py."""

import json
import platform
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from soak.ledger import Answered, Outcome
from soak.plot import build_plot
from soak.run import SoakResult

SHOWN = 30


def print_report(outcome: SoakResult) -> None:
    console = Console(highlight=False)
    ledger = outcome.ledger
    steps = Table("step", "times", "median s", "longest s")
    for kind, times in sorted(Counter(event.kind for event in ledger.events).items()):
        took = [event.ended_at - event.began_at for event in ledger.events if event.kind == kind]
        steps.add_row(kind, str(times), f"{median(took):.2f}", f"{max(took):.2f}")
    console.print(steps)
    counts = Table("requests", f"{sum(ledger.outcomes.values()):,}")
    for one in Outcome:
        counts.add_row(str(one), f"{ledger.outcomes[one]:,}")
    counts.add_row("duplicated", str(len(ledger.duplicated)))
    counts.add_row("acted on by somebody else", str(len(ledger.misled)))
    counts.add_row("closed without a word", str(len(ledger.cut)))
    counts.add_row(f"slow (over {ledger.slow_s:g} s)", str(len(ledger.slow)))
    counts.add_row("p50 ms", f"{1000 * _percentile(ledger.latencies_s, 50):.1f}")
    counts.add_row("p99 ms", f"{1000 * _percentile(ledger.latencies_s, 99):.1f}")
    counts.add_row("GB sent", f"{ledger.bytes_sent / 1e9:.2f}")
    console.print(counts)
    console.print(f"seed {outcome.plan.seed}, {len(ledger.events)} transitions in {outcome.seconds:.0f} s")
    for fault in ledger.faults:
        console.print(f"{fault.began_at:8.1f} s  {fault.words}: cost {fault.excused}; {fault.in_hand} were in hand")
    for what, answered, step in ledger.unexcused[:SHOWN]:
        console.print(_describe(str(what), answered, step), markup=False)
    for problem in ledger.problems:
        console.print(f"not passed: {problem}", markup=False)
    if not ledger.problems:
        console.print("passed: nothing failed, nothing wrong, nothing lost")


def write_report(outcome: SoakResult, folder: Path) -> Path:
    """report.json and plot.svg in a new folder below `folder`."""
    target = folder / time.strftime(f"%Y%m%dT%H%M%SZ-seed{outcome.plan.seed}", time.gmtime())
    target.mkdir(parents=True, exist_ok=True)
    (target / "report.json").write_text(json.dumps(build_content(outcome), indent=1) + "\n")
    (target / "plot.svg").write_text(build_plot(outcome.ledger, outcome.seconds))
    return target


def build_content(outcome: SoakResult) -> dict[str, Any]:
    ledger = outcome.ledger
    return {
        "seed": outcome.plan.seed,
        "passed": not ledger.problems,
        "problems": ledger.problems,
        "transitions": len(ledger.events),
        "seconds": outcome.seconds,
        "requests": {
            **{str(one): ledger.outcomes[one] for one in Outcome},
            "duplicated": list(ledger.duplicated),
            "acted_on_by_somebody_else": list(ledger.misled),
            "closed_without_a_word": ledger.cut,
            "slow": [_describe("slow", answered, "") for answered in ledger.slow],
            "p50_ms": 1000 * _percentile(ledger.latencies_s, 50),
            "p99_ms": 1000 * _percentile(ledger.latencies_s, 99),
            "bytes_sent": ledger.bytes_sent,
            "by_client": dict(ledger.by_client),
        },
        "not_right": [_describe(str(what), answered, step) for what, answered, step in ledger.not_right],
        "faults": [
            {"what": fault.words, "at_s": fault.began_at, "cost": fault.excused, "in_hand": fault.in_hand}
            for fault in ledger.faults
        ],
        "events": [asdict(event) for event in ledger.events],
        "machine": {
            "system": platform.platform(),
            "python": platform.python_version(),
            "processors": psutil.cpu_count(),
        },
    }


# --- private


def _describe(what: str, answered: Answered, step: str) -> str:
    asked = answered.asked
    return (
        f"{asked.sent_at:.3f}-{answered.ended_at:.3f} s {what} {asked.id} ({asked.bytes} bytes), {step}: "
        f"{answered.status or 'no answer'} {answered.code} {answered.problem}"
    )


def _percentile(values: list[float], percent: int) -> float:
    ordered = sorted(values) or [float("nan")]
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
