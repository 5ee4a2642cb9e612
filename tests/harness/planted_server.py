"""`teal up` with a fault planted in it: `python -m tests.harness.planted_server FAULT`. Shows that what looks for lost
requests finds them. Started by tests/feature/test_soak.py."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

from teal.domain.instance_records import InstanceState
from teal.gateway import routes, xds_server
from teal.gateway.publications import InForce, Publications
from teal.gateway.running_envoy import RunningEnvoy
from teal.reconcile import endpoints, lifecycle, loop
from teal.server import commands

SLOW_DELIVERY_S = 0.6


def route_before_ready() -> None:
    """An instance counts as ready as soon as it has a port."""

    def starting(record: Any, seen: Any, health: Any, probe: Any, now: float) -> lifecycle.Step:
        return lifecycle.Step(replace(record, state=InstanceState.READY, since=now, ever_ready=True))

    plant(lifecycle, "_starting", starting)


def skip_drain() -> None:
    """An instance that leaves is stopped at once, whatever it has in its hands."""

    def drain(record: Any, seen: Any, in_flight: Any, *, acknowledged: bool, now: float) -> Any:
        return replace(record, state=InstanceState.STOPPED, since=now)

    plant(endpoints, "drain", drain)
    plant(loop, "STOP_GRACE_S", 0.0)


def skip_acknowledgement() -> None:
    """What was published counts as in force at once, though the gateway is slow to hear of it."""

    def in_force(self: Publications, endpoint: str) -> InForce:
        return InForce(version=self.wanted_version(endpoint), rejected=None, pending=False)

    Publications.in_force = in_force  # type: ignore[method-assign]
    deliver_slowly()


def replace_roughly() -> None:
    """An Envoy that is replaced ends as soon as the next one serves, whoever is connected to it."""

    async def send_nobody_away(self: RunningEnvoy, *, idle_s: float, within_s: float) -> None:
        os.kill(self.pid, signal.SIGKILL)

    RunningEnvoy.send_clients_away = send_nobody_away  # type: ignore[method-assign]


def divide_wrongly() -> None:
    """Two in a hundred requests are answered by the other deployment."""
    plan = vars(routes)["format_plan"]

    def format_plan(endpoint: str, traffic: Mapping[str, float], **rest: Any) -> str:
        if len(traffic) == 2:
            few, many = sorted(traffic, key=lambda name: traffic[name])
            traffic = {few: traffic[few] + 2, many: traffic[many] - 2}
        return str(plan(endpoint, traffic, **rest))

    plant(routes, "format_plan", format_plan)


def deliver_slowly() -> None:
    """No fault, only bad luck: everything that the gateway is told reaches it late."""
    session = vars(xds_server)["Session"]

    def slow_session(node_id: str, publications: Publications, send: Any, close: Any) -> Any:
        def send_late(response: Any) -> None:
            asyncio.get_running_loop().call_later(SLOW_DELIVERY_S, send, response)

        return session(node_id, publications, send_late, close)

    plant(xds_server, "Session", slow_session)


def plant(module: ModuleType, name: str, value: object) -> None:
    """Replace a name of a module, which is there."""
    assert name in vars(module)
    vars(module)[name] = value


FAULTS = {
    fault.__name__: fault
    for fault in (route_before_ready, skip_drain, skip_acknowledgement, replace_roughly, divide_wrongly, deliver_slowly)
}

if __name__ == "__main__":
    FAULTS[sys.argv[1]]()
    commands.up()
