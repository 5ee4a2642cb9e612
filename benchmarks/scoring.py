"""`make bench-scoring`: the scoring server beside others, with the same scripts, one worker and 16 connections; its
start, its memory, large bodies, and what capture costs. Exit status 1 where a bar is missed."""

import argparse
import json
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

import httpx
import psutil

from benchmarks.load import Load, LoadResult
from benchmarks.scoring_alone import measure_alone
from benchmarks.scoring_load import measure_load
from benchmarks.scoring_peers import PEERS, TEAL, Peer
from benchmarks.scoring_report import Body, Capture, Report, print_report, write_report
from tests.harness.processes import ChildProcess
from tests.harness.waiting import wait_until_sync

JSON = {"Content-Type": "application/json"}
ROWS = [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]]
BODIES = {"sum_rows": json.dumps({"data": ROWS}), "diabetes": json.dumps({"data": ROWS})}
KILOBYTE = json.dumps({"data": [list(range(20))] * 12})


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-scoring", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each server, in turn; the median counts")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one run")
    parser.add_argument(
        "--peers", default=",".join(sorted({peer.package for peer in PEERS})), help="which servers (default: all)"
    )
    arguments = parser.parse_args()
    peers = [peer for peer in PEERS if peer.package in arguments.peers.split(",")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        versions = {peer.name: peer.install() for peer in peers}
        compared = {script: compare(peers, script, folder, arguments.rounds, arguments.seconds) for script in BODIES}
        report = Report(
            versions=versions,
            throughput={script: results for script, (results, _) in compared.items()},
            alone={script: calls for script, (_, calls) in compared.items()},
            start_s=[measure_start(folder) for _ in range(5)],
            idle_bytes=measure_idle(folder),
            bodies=[measure_body(folder, "sum_rows", 10_000_000), measure_body(folder, "binary", 100_000_000)],
            capture=measure_capture(folder, arguments.rounds, arguments.seconds),
        )
    print_report(report)
    print(f"written to {write_report(report)}")
    return 1 if report.missed_bars() else 0


def compare(
    peers: list[Peer], script: str, folder: Path, rounds: int, seconds: float
) -> tuple[dict[str, list[LoadResult]], list[float]]:
    """What each server does, and how often a second run() alone can be called. All servers stay up; each is asked in
    turn, so that what disturbs the machine for a while disturbs all."""
    variables = {"AZUREML_MODEL_DIR": str(train_model(folder))} if script == "diabetes" else {}
    started = {peer.name: peer.start(script, folder, **variables) for peer in peers}
    results: dict[str, list[LoadResult]] = {peer.name: [] for peer in peers}
    alone: list[float] = []
    try:
        for peer in peers:
            await_answers(*started[peer.name], peer.wrap(BODIES[script]), path=peer.path)
        for number in range(rounds):
            for peer in peers:
                print(f"{script}, round {number + 1}: {peer.name}", file=sys.stderr)
                load = Load(started[peer.name][1], peer.path, JSON, peer.wrap(BODIES[script]), seconds=seconds)
                results[peer.name].append(measure_load(load))
            print(f"{script}, round {number + 1}: run() alone", file=sys.stderr)
            alone.append(measure_alone(script, BODIES[script], seconds, **variables))
    finally:
        for process, _ in started.values():
            stop(process)
    return results, alone


def measure_start(folder: Path) -> float:
    """Seconds from the start of the process to the first answer of a script whose init() does nothing."""
    began = time.perf_counter()
    process, port = teal().start("sum_rows", folder)
    try:
        await_answers(process, port, BODIES["sum_rows"], every_s=0.002)
        return time.perf_counter() - began
    finally:
        stop(process)


def measure_idle(folder: Path) -> int:
    """Resident memory of all processes of a server with one worker, once it has answered."""
    process, port = teal().start("sum_rows", folder)
    try:
        await_answers(process, port, BODIES["sum_rows"])
        return resident(process)
    finally:
        stop(process)


def measure_body(folder: Path, script: str, size: int) -> Body:
    """One request of that size after the other, five times."""
    process, port = teal().start(script, folder)
    row = b"[1,2,3,4,5,6,7,8,9,10],"
    content = b"\0" * size if script == "binary" else b'{"data":[' + row * (size // len(row)) + b"[1]]}"
    peak, is_over = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not is_over.wait(0.003):
            peak = max(peak, resident(process))

    try:
        await_answers(process, port, BODIES["sum_rows"])
        idle = resident(process)
        watcher = threading.Thread(target=watch)
        watcher.start()
        seconds = []
        for _ in range(5):
            began = time.perf_counter()
            answer = httpx.post(f"http://127.0.0.1:{port}/score", content=content, headers=JSON, timeout=120)
            seconds.append(time.perf_counter() - began)
            assert answer.status_code == 200, answer.text[:200]
        is_over.set()
        watcher.join()
        return Body(script, len(content), median(seconds), idle, peak, resident(process))
    finally:
        is_over.set()
        stop(process)


def measure_capture(folder: Path, rounds: int, seconds: float) -> Capture:
    """Bodies of 1 KB both ways, every request recorded to a file, beside a server that records none."""
    off = teal().start("echo", folder)
    on = teal().start(
        "echo", folder, TEAL_CAPTURE_TO=str(folder / "records.jsonl"), TEAL_CAPTURE_MAX_FILE_BYTES="100000000"
    )
    try:
        without: list[float] = []
        recording: list[float] = []
        for process, port in (off, on):
            await_answers(process, port, KILOBYTE)
        for number in range(2 * rounds):
            print(f"capture, round {number + 1}", file=sys.stderr)
            for (process, port), spent in ((off, without), (on, recording)):
                before = cpu_seconds(process)
                result = measure_load(Load(port, "/score", JSON, KILOBYTE, seconds=seconds))
                spent.append(result.per_second)
                spent.append((cpu_seconds(process) - before) / max(1, result.answered) * 1e6)
        return Capture(without[0::2], recording[0::2], without[1::2], recording[1::2])
    finally:
        stop(off[0])
        stop(on[0])


def train_model(folder: Path) -> Path:
    import joblib
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import Ridge

    path = folder / "diabetes_model"
    path.mkdir(exist_ok=True)
    features, target = load_diabetes(return_X_y=True)
    joblib.dump(Ridge().fit(features, target), path / "model.pkl")
    return path


# --- private


def teal() -> Peer:
    return next(peer for peer in PEERS if peer.name == TEAL)


def await_answers(process: ChildProcess, port: int, body: str, *, path: str = "/score", every_s: float = 0.1) -> None:
    def answers() -> bool:
        assert process.returncode is None, process.output
        try:
            return httpx.post(f"http://127.0.0.1:{port}{path}", content=body, headers=JSON).status_code == 200
        except httpx.TransportError:
            return False

    wait_until_sync(answers, within_s=90, every_s=every_s, describe=lambda: process.output)


def stop(process: ChildProcess) -> None:
    """With every process that it started, also those that have a group of their own."""
    left = family(process) if process.returncode is None else []
    process.kill()
    for one in left:
        with suppress(psutil.NoSuchProcess):
            one.kill()


def family(process: ChildProcess) -> list[psutil.Process]:
    parent = psutil.Process(process.pid)
    return [parent, *parent.children(recursive=True)]


def resident(process: ChildProcess) -> int:
    return sum(one.memory_info().rss for one in family(process))


def cpu_seconds(process: ChildProcess) -> float:
    return sum(one.cpu_times().user + one.cpu_times().system for one in family(process))


if __name__ == "__main__":
    sys.exit(main())
