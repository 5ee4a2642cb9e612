"""Measures one target under load: requests a second, latency, and the processor time that each part of it spends."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

import psutil

from benchmarks.load import Load, LoadResult

WARM_UP_S = 1.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run, or the median of several."""

    per_second: float
    p50_ms: float
    p99_ms: float
    refused: int
    cpu_us_per_request: dict[str, float]


@dataclass(frozen=True, slots=True)
class Target:
    """What is measured: where to send, and which processes serve it, by the part they play."""

    name: str
    load: Load
    processes: Mapping[str, list[psutil.Process]]


def measure(target: Target) -> Measurement:
    run_in_process(replace(target.load, seconds=WARM_UP_S))
    before = {part: cpu_seconds(processes) for part, processes in target.processes.items()}
    result = run_in_process(target.load)
    spent = {part: seconds_between(before[part], cpu_seconds(of)) for part, of in target.processes.items()}
    answered = max(result.answered, 1)
    return Measurement(
        per_second=result.per_second,
        p50_ms=result.p50_ms,
        p99_ms=result.p99_ms,
        refused=result.refused,
        cpu_us_per_request={part: 1e6 * seconds / answered for part, seconds in spent.items()},
    )


def build_median(runs: list[Measurement]) -> Measurement:
    """Each figure's own median: one disturbed run on a shared machine must not decide."""
    return Measurement(
        per_second=median(run.per_second for run in runs),
        p50_ms=median(run.p50_ms for run in runs),
        p99_ms=median(run.p99_ms for run in runs),
        refused=sum(run.refused for run in runs),
        cpu_us_per_request={
            part: median(run.cpu_us_per_request[part] for run in runs) for part in runs[0].cpu_us_per_request
        },
    )


# --- private


def run_in_process(load: Load) -> LoadResult:
    return LoadResult(**run_json("benchmarks.load", asdict(load)))


def run_json(module: str, asked: object) -> dict[str, Any]:
    """A generator in a process of its own: JSON in, JSON out."""
    command = [sys.executable, "-m", module]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"the load generator failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def cpu_seconds(processes: Iterable[psutil.Process]) -> dict[int, float]:
    """User and system time so far, by pid; a process that has ended is left out."""
    spent = {}
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            spent[process.pid] = times.user + times.system
    return spent


def seconds_between(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    return sum(after[pid] - before[pid] for pid in before.keys() & after.keys())
