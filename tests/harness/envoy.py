"""A real gateway on free ports: Envoy, configured by the real xDS server, in front of whatever a test publishes."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from teal.gateway.envoy_settings import EnvoySettings
from teal.gateway.gateway import Gateway
from teal.gateway.model import EndpointModel, Target
from teal.gateway.pid_file import load_record
from tests.harness.ports import free_port
from tests.harness.upstreams import Upstream
from tests.harness.waiting import wait_until

KEY = "primary-key"
OTHER_KEY = "secondary-key"
WITHIN_S = 15.0


def build_target(upstream: Upstream, **changes: Any) -> Target:
    """One deployment, named like its only instance; as many instances are wanted as there are hosts."""
    target = Target(upstream.name, hosts=(upstream.host(),), max_in_flight=100, request_timeout_ms=10_000)
    target = replace(target, **changes)
    return replace(target, instances=max(1, len(target.hosts)))


def build_endpoint(
    *targets: Target,
    traffic: Mapping[str, float] | None = None,
    mirror: Mapping[str, float] | None = None,
    name: str = "orders",
    keys: tuple[str, ...] = (KEY, OTHER_KEY),
    **settings: Any,
) -> EndpointModel:
    """An endpoint; unless told otherwise its first deployment gets everything."""
    live = {targets[0].deployment: 100} if traffic is None and targets else traffic
    return EndpointModel(name=name, keys=keys, targets=targets, traffic=live or {}, mirror=mirror or {}, **settings)


@dataclass
class GatewayBed:
    """A gateway under test, and a client that holds a valid key."""

    settings: EnvoySettings
    gateway: Gateway
    client: httpx.AsyncClient

    async def publish(self, model: EndpointModel) -> None:
        """Publish and wait until it is in force."""
        seen = await self.gateway.wait_in_force(model.name, self.gateway.publish(model), WITHIN_S)
        assert seen.rejected is None, seen.rejected

    async def restart_control_plane(self, *models: EndpointModel, complete: bool = True) -> None:
        """As after a kill: Envoy keeps running, and a new control plane knows only what it is given here."""
        await self.gateway.stop(keep_envoy=True)
        self.gateway = Gateway(self.settings)
        await self.gateway.start()
        for model in models:
            self.gateway.publish(model)
        if complete:
            self.gateway.set_complete()

    async def wait_listening(self) -> None:
        await wait_until(lambda: self.gateway.is_listening(), WITHIN_S)

    async def score(self, path: str = "/score", *, endpoint: str = "orders", **request: Any) -> httpx.Response:
        request = {"method": "POST", "json": {}} | request
        if "content" in request:
            del request["json"]
        return await self.client.request(url=f"/endpoints/{endpoint}{path}", **request)

    async def admin(self, path: str) -> Any:
        return await self.ask(self.settings.admin_socket, path)

    async def ask(self, admin_socket: Path, path: str) -> Any:
        """One Envoy of several."""
        transport = httpx.AsyncHTTPTransport(uds=str(admin_socket))
        async with httpx.AsyncClient(transport=transport, base_url="http://envoy") as client:
            return (await client.get(path)).json()


@asynccontextmanager
async def running_gateway(*models: EndpointModel, **changes: Any) -> AsyncIterator[GatewayBed]:
    """A gateway with these endpoints in force, listening. Its Envoy is gone at the end, whatever happened inside.

    `changes` are of its settings.
    """
    run_dir = Path(tempfile.mkdtemp(prefix="teal-", dir="/tmp"))
    settings = EnvoySettings(
        run_dir=run_dir,
        log_file=run_dir / "envoy.log",
        host="127.0.0.1",
        port=free_port(),
        concurrency=2,
        drain_s=2.0,
    )
    settings = replace(settings, **changes)
    client = httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{settings.port}",
        headers={"authorization": f"Bearer {KEY}"},
        timeout=WITHIN_S,
        limits=httpx.Limits(max_connections=None),
    )
    bed = GatewayBed(settings, Gateway(settings), client)
    try:
        await bed.gateway.start()
        for model in models:
            bed.gateway.publish(model)
        bed.gateway.set_complete()
        for model in models:
            await bed.publish(model)
        await bed.wait_listening()
        yield bed
    finally:
        await client.aclose()
        await bed.gateway.stop()
        _kill_what_is_left(settings)
        shutil.rmtree(run_dir)


@dataclass
class Load:
    """Requests that never stop, and what became of them."""

    answers: list[tuple[int, str]] = field(default_factory=list)  # status, deployment
    failures: list[str] = field(default_factory=list)

    async def more(self, count: int = 100) -> None:
        """Wait until this many more requests were answered."""
        goal = len(self.answers) + count
        await wait_until(lambda: len(self.answers) >= goal, 30.0, describe=lambda: self.failures[:5])

    def deployments_since(self, start: int) -> set[str]:
        return {deployment for _, deployment in self.answers[start:]}

    @property
    def bad(self) -> list[object]:
        return [*self.failures, *(answer for answer in self.answers if answer[0] != 200)]


@asynccontextmanager
async def running_load(bed: GatewayBed, *, workers: int = 8) -> AsyncIterator[Load]:
    """Continuous requests to `orders` for a `with` block; every one started is finished before it ends."""
    load = Load()
    stopped = asyncio.Event()

    async def work() -> None:
        while not stopped.is_set():
            try:
                answer = await bed.score()
            except httpx.HTTPError as error:
                load.failures.append(repr(error))
            else:
                load.answers.append((answer.status_code, answer.headers.get("azureml-model-deployment", "")))

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())
        try:
            yield load
        finally:
            stopped.set()


# --- private


def _kill_what_is_left(settings: EnvoySettings) -> None:
    record = load_record(settings.pid_file)
    if record is not None:
        with suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGKILL)
