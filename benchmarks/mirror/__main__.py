"""`make bench-mirror`: what a live client notices of a mirror of 100 %, whatever the shadow does with its copies. Exit
status 1 when a live request was not answered with 200.

One request after another, at the real gateway; live instance and shadow are processes of their own. The shadows take
turns in every round, so that a busy machine is busy for all of them.
"""

import argparse
import asyncio
import json
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.mirror.shadows import KINDS
from teal.gateway.model import EndpointModel, Host, Target
from teal.gateway.traffic import TrafficObserved
from tests.harness.envoy import KEY, running_gateway
from tests.harness.ports import free_port

MIB = 1024 * 1024
IN_HAND = 4  # copies that a shadow may have
NONE, DEAD = "none", "dead"
SHADOWS = (NONE, "healthy", "slow", "erroring", "cutting", "frozen", DEAD)
STREAMED = "1 MB streamed"


@dataclass(frozen=True, slots=True)
class Size:
    """A kind of request: its content, and how many are sent in a round. `pieces`: of unknown length, so many."""

    name: str
    bytes: int
    requests: int
    pieces: int = 0


SIZES = (
    Size("1 KB", 1000, 200),
    Size("1 MB", 1_000_000, 40),
    Size("20 MB", 20_000_000, 6),
    Size(STREAMED, 1_000_000, 40, 16),
)


@dataclass(slots=True)
class Seen:
    """What one shadow has shown."""

    latencies_ms: dict[str, list[float]] = field(default_factory=lambda: {size.name: [] for size in SIZES})
    failed: int = 0
    counted: TrafficObserved = field(default_factory=TrafficObserved)

    def percentile(self, size: str, percent: int) -> float:
        ordered = sorted(self.latencies_ms[size])
        return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-mirror", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--report", type=Path, default=None, help="a folder for mirror.md and mirror.json")
    arguments = parser.parse_args()
    with running_instances() as ports:
        seen = asyncio.run(measure(ports, arguments.rounds))
    table = format_table(seen, arguments.rounds)
    print(table)
    if arguments.report is not None:
        (arguments.report / "mirror.md").write_text(table)
        (arguments.report / "mirror.json").write_text(
            json.dumps(build_content(seen, arguments.rounds), indent=1) + "\n"
        )
    return 1 if any(one.failed for one in seen.values()) else 0


async def measure(ports: dict[str, int], rounds: int) -> dict[str, Seen]:
    seen = {shadow: Seen() for shadow in SHADOWS}
    async with running_gateway(max_mirrored_body_bytes=32 * MIB) as bed:
        for shadow in SHADOWS:
            await bed.publish(build_model(shadow, ports))
        for _ in range(rounds):
            for shadow in SHADOWS:
                for size in SIZES:
                    times, failed = await asyncio.to_thread(send, bed.settings.port, shadow, size)
                    seen[shadow].latencies_ms[size.name] += times
                    seen[shadow].failed += failed
        for shadow in SHADOWS[1:]:
            seen[shadow].counted = (await bed.gateway.observe_requests(shadow))["shadow"]
    return seen


def send(port: int, shadow: str, size: Size) -> tuple[list[float], int]:
    """One request after the other on one connection; milliseconds to the whole answer, and how many were not 200."""
    body = bytes(size.bytes)
    head = f"POST /endpoints/{shadow}/score HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {KEY}\r\n"
    if size.pieces:
        piece = body[: size.bytes // size.pieces]
        framed = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
        request = f"{head}transfer-encoding: chunked\r\n\r\n".encode() + framed * size.pieces + b"0\r\n\r\n"
    else:
        request = f"{head}content-length: {size.bytes}\r\n\r\n".encode() + body
    times: list[float] = []
    failed = 0
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        for _ in range(size.requests):
            began = time.perf_counter()
            connection.sendall(request)
            answer = connection.recv(65_536)
            while not answer.endswith(b"{}"):
                answer += (more := connection.recv(65_536))
                if not more:
                    return times, failed + 1
            times.append(1000 * (time.perf_counter() - began))
            failed += not answer.startswith(b"HTTP/1.1 200")
    return times, failed


def build_model(shadow: str, ports: dict[str, int]) -> EndpointModel:
    """An endpoint named like its shadow."""
    live = Target("live", (Host("live-1", "127.0.0.1", ports["live"]),), max_in_flight=100, request_timeout_ms=60_000)
    if shadow == NONE:
        return EndpointModel(shadow, (KEY,), (live,), traffic={"live": 100}, mirror={})
    host = Host("shadow-1", "127.0.0.1", ports[shadow])
    copied = Target("shadow", (host,), max_in_flight=IN_HAND, request_timeout_ms=5_000)
    return EndpointModel(shadow, (KEY,), (live, copied), traffic={"live": 100}, mirror={"shadow": 100})


def format_table(seen: dict[str, Seen], rounds: int) -> str:
    lines = [
        f"| Shadow | {' | '.join(size.name for size in SIZES)} | copies sent / dropped / skipped |",
        "|---|" + "---|" * 5,
    ]
    for shadow, one in seen.items():
        cells = [f"{one.percentile(size.name, 50):.1f} / {one.percentile(size.name, 99):.1f}" for size in SIZES]
        counted = one.counted
        copies = f"{counted.mirrored_total} / {counted.mirror_dropped_total} / {counted.mirror_skipped_total}"
        lines.append(f"| {shadow} | {' | '.join(cells)} | {'' if shadow == NONE else copies} |")
    sent = ", ".join(f"{rounds * size.requests} of {size.name}" for size in SIZES)
    return "\n".join(lines) + f"\n\nFor each shadow {sent}; {sum(one.failed for one in seen.values())} failed.\n"


def build_content(seen: dict[str, Seen], rounds: int) -> dict[str, object]:
    return {
        "rounds": rounds,
        "machine": {"system": f"{platform.system()} {platform.machine()}", "processors": psutil.cpu_count()},
        "shadows": {
            shadow: {
                "failed": one.failed,
                "sent": one.counted.mirrored_total,
                "dropped": one.counted.mirror_dropped_total,
                "skipped": one.counted.mirror_skipped_total,
                "ms": {
                    size.name: {f"p{percent}": round(one.percentile(size.name, percent), 2) for percent in (50, 99)}
                    for size in SIZES
                },
            }
            for shadow, one in seen.items()
        },
    }


@contextmanager
def running_instances() -> Iterator[dict[str, int]]:
    """Ports by name. Nobody listens on that of the dead one."""
    ports = {name: free_port() for name in ("live", DEAD, *KINDS)}
    kinds = {"live": "healthy", **{kind: kind for kind in KINDS}}
    processes = [start(kind, ports[name]) for name, kind in kinds.items()]
    try:
        yield ports
    finally:
        end(processes)


# --- private


def start(kind: str, port: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "benchmarks.mirror.shadows", kind, str(port)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def end(processes: Sequence[subprocess.Popen[str]]) -> None:
    for process in processes:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


if __name__ == "__main__":
    sys.exit(main())
