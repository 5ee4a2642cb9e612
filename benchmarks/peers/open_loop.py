"""Requests at a fixed rate, whatever becomes of them: a generator that does not wait for answers before it asks again.

Latency counts from the moment a request was due, so that a target which stalls pays for every request that came due
meanwhile. Run by `benchmarks.peers` in a process of its own.
"""

import json
import selectors
import sys
import time
from dataclasses import asdict, dataclass
from random import Random

from benchmarks.load import Connection, Load, build_request, is_last, is_ok

DRAIN_S = 5.0
MAX_CONNECTIONS = 512


@dataclass(frozen=True, slots=True)
class OpenLoopResult:
    """Milliseconds, from due to answered. `unanswered`: still waiting when the run was given up."""

    answered: int
    refused: int
    unanswered: int
    mean_ms: float
    p50_ms: float
    p99_ms: float


def run_open_loop(load: Load, per_second: float) -> OpenLoopResult:
    """`load.connections` are opened before; more when all of them wait."""
    random = Random(1)
    request = build_request(load)
    selector = selectors.DefaultSelector()
    idle: list[Connection] = []
    due_of: dict[Connection, float] = {}
    latencies: list[float] = []
    refused = 0
    for _ in range(load.connections):
        idle.append(connect(load.port, request, selector))
    began = time.perf_counter()
    due, until = began, began + load.seconds
    while due < until or due_of:
        now = time.perf_counter()
        if now > until + DRAIN_S:
            break
        while due <= now and due < until:
            connection = idle.pop() if idle else None
            if connection is None:
                if len(due_of) >= MAX_CONNECTIONS:
                    break
                connection = connect(load.port, request, selector)
            due_of[connection] = due
            connection.ask()
            due += random.expovariate(per_second)
        wait_s = max(0.0, due - time.perf_counter()) if due < until else 0.1
        for key, _ in selector.select(wait_s):
            connection = key.data
            if (answer := connection.receive()) is None:
                continue
            latencies.append(time.perf_counter() - due_of.pop(connection))
            refused += not is_ok(answer)
            if is_last(answer):
                selector.unregister(connection.socket)
                connection.close()
            else:
                idle.append(connection)
    for key in list(selector.get_map().values()):
        key.data.close()
    selector.close()
    ordered = sorted(latencies) or [float("nan")]
    return OpenLoopResult(
        answered=len(latencies) - refused,
        refused=refused,
        unanswered=len(due_of),
        mean_ms=1000 * sum(ordered) / len(ordered),
        p50_ms=1000 * ordered[len(ordered) // 2],
        p99_ms=1000 * ordered[len(ordered) * 99 // 100],
    )


# --- private


def connect(port: int, request: bytes, selector: selectors.BaseSelector) -> Connection:
    connection = Connection(port, request)
    selector.register(connection.socket, selectors.EVENT_READ, connection)
    return connection


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print(json.dumps(asdict(run_open_loop(Load(**asked["load"]), asked["per_second"]))))
