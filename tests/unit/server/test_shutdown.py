"""The end of a server, as far as it is decided in `shutdown.py`; whole servers are ended in tests/feature."""

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from teal.server.shutdown import Shutdown, stop_data_plane


class Gateway:
    """Drains for as long as its process lives."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.draining = asyncio.Event()

    @property
    def envoy_pids(self) -> list[int]:
        return [self._process.pid] if self._process.poll() is None else []

    async def stop(self) -> None:
        self.draining.set()
        await asyncio.to_thread(self._process.wait)


class Backend:
    """One instance, gone a moment after it was removed."""

    def __init__(self) -> None:
        self.changed: Callable[[str], None] = lambda _: None
        self.graces: list[float] = []
        self._instances: dict[str, object] = {"one": None}

    def observe(self) -> dict[str, object]:
        return dict(self._instances)

    async def remove(self, id: str, *, grace_s: float) -> None:
        self.graces.append(grace_s)
        asyncio.get_running_loop().call_later(0.01, self._gone, id)

    def _gone(self, id: str) -> None:
        if self._instances.pop(id, self) is not self:
            self.changed(id)


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@pytest.mark.timeout(10)
async def test_a_second_signal_ends_the_drain_before_anything_is_killed(process: subprocess.Popen[bytes]) -> None:
    """Else the drain goes on when the gateway has died, and waits for the same instances in its own way."""
    gateway, backend = Gateway(process), Backend()
    parts: Any = SimpleNamespace(gateway=gateway, backend=backend)
    shutdown = Shutdown()
    shutdown.ask()
    stopping = asyncio.create_task(stop_data_plane(parts, shutdown, grace_s=60))
    await gateway.draining.wait()
    shutdown.ask()
    await stopping
    assert backend.graces == [0.0]
    assert backend.observe() == {}
