"""`make bench-scale`: the same control plane and gateway at 1, 1,000 and 5,000 endpoints. Exit status 1 where a bar is
missed."""

import argparse
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil

from benchmarks.load import Load, answers
from benchmarks.scale.control_plane import SizeMeasured
from benchmarks.scale.report import ScaleReport, print_report, write_report
from benchmarks.teal_server import CODE, scratch_folder
from benchmarks.throughput import Measurement, Target, measure
from tests.harness.ports import free_port
from tests.harness.processes import running_process
from tests.harness.waiting import wait_until_sync

SIZES = (1, 1000, 5000)
BODY = '{"data": [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]}'


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-scale", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="how many endpoints, each time")
    parser.add_argument("--rounds", type=int, default=8, help="runs of the load for each size, in turn")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one run of the load")
    arguments = parser.parse_args()
    with scratch_folder() as folder, ExitStack() as running:
        upstream = running.enter_context(instance(folder))
        sizes = [running.enter_context(control_plane(folder / str(size), size, upstream)) for size in arguments.sizes]
        loads: dict[int, list[Measurement]] = {size.endpoints: [] for size in sizes}
        for number in range(arguments.rounds):
            for size in random.sample(sizes, len(sizes)):
                print(f"round {number + 1}: {size.endpoints} endpoints", file=sys.stderr)
                loads[size.endpoints].append(run_load_on(size, arguments.seconds))
    report = ScaleReport(sizes, loads)
    print_report(report)
    print(f"written to {write_report(report)}")
    return 1 if report.missed_bars() else 0


# --- private


@contextmanager
def instance(folder: Path) -> Iterator[int]:
    """The one scoring server that stands for all; its port."""
    port = free_port()
    words: list[str | Path] = [sys.executable, "-m", "teal_scoring", "--host", "127.0.0.1", "--port", str(port)]
    words += ["--entry_script", CODE / "score.py", "--model_dir", folder]
    with running_process(words, log_path=folder / "instance.log", env=os.environ | {"TEAL_MAX_CONCURRENT": "64"}):
        alone = Load(port=port, path="/score", headers={"Content-Type": "application/json"}, body=BODY)
        wait_until_sync(partial(answers, alone))
        yield port


@contextmanager
def control_plane(folder: Path, endpoints: int, upstream_port: int) -> Iterator[SizeMeasured]:
    """A control plane of that size: measured, then left serving until the block ends."""
    folder.mkdir()
    words = [sys.executable, "-m", "benchmarks.scale.control_plane", str(endpoints), str(folder), str(upstream_port)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            sys.exit(f"the control plane with {endpoints} endpoints ended")
        yield SizeMeasured(**json.loads(line))
    finally:
        process.communicate()


def run_load_on(size: SizeMeasured, seconds: float) -> Measurement:
    """Half of the time the first endpoint, half the last: neither may be slower than the other."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {size.first_key}"}
    first = Load(port=size.gateway_port, path=size.first_path, headers=headers, body=BODY, seconds=seconds / 2)
    last = replace(first, path=size.last_path, headers=headers | {"Authorization": f"Bearer {size.last_key}"})
    processes = {"gateway": [psutil.Process(size.gateway_pid)]}
    halves = [measure(Target(load.path, load, processes)) for load in (first, last)]
    answered = [half.per_second * seconds / 2 for half in halves]
    spent_us = sum(n * half.cpu_us_per_request["gateway"] for n, half in zip(answered, halves, strict=True))
    return Measurement(
        per_second=sum(answered) / seconds,
        p50_ms=max(half.p50_ms for half in halves),
        p99_ms=max(half.p99_ms for half in halves),
        refused=sum(half.refused for half in halves),
        cpu_us_per_request={"gateway": spent_us / max(sum(answered), 1)},
    )


if __name__ == "__main__":
    sys.exit(main())
