"""One size: a control plane with so many endpoints, started, changed, measured; then it serves until its standard input
is closed. Run by __main__.py in a process of its own, one for each size: `python -m benchmarks.scale.control_plane`."""

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.scale.content import WORKSPACE, build_records, fill_store, keys_of, name_of
from benchmarks.scale.instances import SharedInstances
from benchmarks.throughput import cpu_seconds
from teal.control.endpoints import put_endpoint
from teal.control.requests import Moment
from teal.domain.endpoints import EndpointSpec
from teal.gateway.envoy_settings import EnvoySettings
from teal.gateway.gateway import Gateway
from teal.reconcile.loop import Loop
from teal.server.garbage import without_search
from teal.store.database import Store
from teal.store.endpoints import load_endpoint
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until

UPDATES = 40
IDLE_S = 10
MIB = 1024 * 1024
GIVE_UP_AFTER_S = 600.0


@dataclass(frozen=True, slots=True)
class SizeMeasured:
    """One size. Times of updates are from the accepted request to the gateway's acknowledgement; processor time says
    what a restart costs also where other work holds it up."""

    endpoints: int
    restart_s: float
    restart_cpu_s: float
    restart_with_gateway_s: float
    update_p50_ms: float
    update_worst_ms: float
    passes_per_update: float
    transactions_per_update: float
    idle_passes_per_s: float
    idle_control_plane_ms_per_s: float
    idle_gateway_ms_per_s: float
    control_plane_mib: float
    gateway_mib: float
    gateway_port: int
    gateway_pid: int
    first_path: str
    first_key: str
    last_path: str
    last_key: str


class ControlPlane:
    """Store, loop and gateway, with instances that are shared; counts what the loop does."""

    def __init__(self, folder: Path, settings: EnvoySettings, endpoints: int, upstream_port: int) -> None:
        self.endpoints = endpoints
        self.counted: Counter[str] = Counter()
        self.store = Store(folder)
        self.gateway = Gateway(settings)
        backend = SharedInstances(upstream_port, build_records(endpoints, upstream_port))
        self.loop = Loop(self.store, backend, self.gateway, lambda _: folder)
        self._running: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self.looked_at: list[str] = []
        for owner, verb in ((self.store, "read"), (self.store, "write"), (self.loop, "reconcile_once")):
            setattr(owner, verb, self._count(verb, getattr(owner, verb)))

    async def start(self) -> float:
        """Seconds until every endpoint is in force and clients are served."""
        began = time.perf_counter()
        with without_search():
            await self.store.open()
            await self.loop.open()
            self._listen_to_gateway()
            await self.gateway.start()
            self._running = asyncio.create_task(self.loop.run())
            async with asyncio.timeout(GIVE_UP_AFTER_S):
                for number in range(self.endpoints):
                    await self._wait_in_force(name_of(number), lambda version: version is not None)
                await wait_until(self.gateway.is_listening, GIVE_UP_AFTER_S)
        return time.perf_counter() - began

    async def stop(self, *, keep_envoy: bool) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self.gateway.stop(keep_envoy=keep_envoy)
        await self.store.close()

    async def end_gateway(self) -> None:
        """SIGKILL for Envoy, as a crash would end it."""
        assert self.gateway.envoy_pid is not None
        os.kill(self.gateway.envoy_pid, signal.SIGKILL)

    async def shift(self, name: str, to: str) -> float:
        """Milliseconds from the accepted update to its being in force."""
        before = self.gateway.in_force(name).version

        def build(_: Any) -> EndpointSpec:
            return EndpointSpec(traffic={to: 100})

        moment = Moment(time.time(), lambda: f"{random.getrandbits(128):032x}")
        await self.store.write(partial(put_endpoint, workspace=WORKSPACE, name=name, build=build, moment=moment))
        accepted = time.perf_counter()
        async with asyncio.timeout(60):
            await self._wait_in_force(name, lambda version: version not in (None, before))
        return 1000 * (time.perf_counter() - accepted)

    # --- private

    def _count(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **named: Any) -> Any:
            self.counted[name] += 1
            if name == "reconcile_once":
                self.looked_at.append(args[0])
            return call(*args, **named)

        return counted

    def _listen_to_gateway(self) -> None:
        tell_loop = self.gateway.changed

        def hear(*news: Any) -> None:
            tell_loop(*news)
            self._news.set()

        self.gateway.changed = hear

    async def _wait_in_force(self, name: str, is_wanted: Callable[[str | None], bool]) -> None:
        while True:
            seen = self.gateway.in_force(name)
            if is_wanted(seen.version) and not seen.pending:
                return
            self._news.clear()
            await self._news.wait()


async def measure(endpoints: int, folder: Path, upstream_port: int) -> None:
    """Print what was measured as one line of JSON, then serve until standard input ends."""
    settings = EnvoySettings(
        run_dir=folder / "run", log_file=folder / "envoy.log", host="127.0.0.1", port=free_port(), concurrency=2,
        drain_s=0.0,
    )  # fmt: skip
    filling = Store(folder)
    await filling.open()
    await fill_store(filling, endpoints, upstream_port)
    await filling.close()

    def build() -> ControlPlane:
        return ControlPlane(folder, settings, endpoints, upstream_port)

    first = build()
    say(f"{endpoints} endpoints: first start {await first.start():.1f} s")
    await settle(first)
    await first.stop(keep_envoy=False)
    second = build()
    restart_with_gateway_s = await second.start()
    say(f"{endpoints} endpoints: control plane and gateway restarted in {restart_with_gateway_s:.2f} s")
    await settle(second)
    await second.stop(keep_envoy=True)
    plane = build()
    spent_before = time.process_time()
    restart_s = await plane.start()
    restart_cpu_s = time.process_time() - spent_before
    say(f"{endpoints} endpoints: control plane restarted in {restart_s:.2f} s, {restart_cpu_s:.2f} s of a processor")
    try:
        await settle(plane)
        assert plane.gateway.envoy_pid is not None
        processes = [psutil.Process(), psutil.Process(plane.gateway.envoy_pid)]
        before, spent = Counter(plane.counted), cpu_seconds(processes)
        await asyncio.sleep(IDLE_S)
        idle = (plane.counted - before)["reconcile_once"] / IDLE_S
        idle_ms = [1000 * (after - spent[pid]) / IDLE_S for pid, after in cpu_seconds(processes).items()]
        delays, passes, transactions = await measure_updates(plane)
        measured = SizeMeasured(
            endpoints=endpoints,
            restart_s=restart_s,
            restart_cpu_s=restart_cpu_s,
            restart_with_gateway_s=restart_with_gateway_s,
            update_p50_ms=median(delays),
            update_worst_ms=max(delays),
            passes_per_update=passes,
            transactions_per_update=transactions,
            idle_passes_per_s=idle,
            idle_control_plane_ms_per_s=idle_ms[0],
            idle_gateway_ms_per_s=idle_ms[1],
            control_plane_mib=psutil.Process().memory_info().rss / MIB,
            gateway_mib=processes[1].memory_info().rss / MIB,
            gateway_port=settings.port,
            gateway_pid=processes[1].pid,
            first_path=f"/endpoints/{name_of(0)}/score",
            first_key=keys_of(0).primary,
            last_path=f"/endpoints/{name_of(endpoints - 1)}/score",
            last_key=keys_of(endpoints - 1).primary,
        )
        print(json.dumps(asdict(measured)), flush=True)
        await asyncio.to_thread(sys.stdin.read)
    finally:
        await plane.stop(keep_envoy=False)


async def measure_updates(plane: ControlPlane) -> tuple[list[float], float, float]:
    """Times of updates of endpoints anywhere, and what the loop did for each, until nothing more happens."""
    chosen = random.Random(plane.endpoints)
    delays: list[float] = []
    idle_before = Counter(plane.counted)
    for number in range(UPDATES + 5):
        if number == 5:
            delays.clear()
            idle_before = Counter(plane.counted)
        name = name_of(chosen.randrange(plane.endpoints))
        standing = await plane.store.read(partial(_load_traffic, name=name))
        delays.append(await plane.shift(name, "green" if "blue" in standing else "blue"))
        await asyncio.sleep(0.05)
    done = plane.counted - idle_before
    # One read to look at the endpoint and one write to ask for the change are this measurement's own.
    transactions = (done["read"] + done["write"]) / UPDATES - 2
    return delays, done["reconcile_once"] / UPDATES, transactions


async def settle(plane: ControlPlane) -> None:
    """Until the loop has had nothing to do for a second."""
    while True:
        before = plane.counted["reconcile_once"]
        await asyncio.sleep(1)
        if plane.counted["reconcile_once"] - before <= max(2, plane.endpoints // 50):
            return


# --- private


def _load_traffic(tx: Any, name: str) -> dict[str, float]:
    endpoint = load_endpoint(tx, name)
    assert endpoint is not None
    return dict(endpoint.spec.traffic)


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.environ.pop("TEAL_DATA_DIR", None)
    asyncio.run(measure(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
