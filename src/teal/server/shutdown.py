"""The end of a server: how it is asked for, and how everything that serves is brought down. Called by server/run.py
and, for what a killed server left behind, by server/commands.py.

The first signal drains, a second one ends requests in hand, a third ends this process where it stands. One signal more
ends the control plane alone, for an upgrade: what serves goes on serving.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from teal.compute.process.backend import ProcessBackend
from teal.server.assemble import Parts
from teal.server.processes import LET_GO

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AFTER_GRACE_S = 10.0
EXIT_BY_SIGNAL = 130


class Shutdown:
    """What was asked for so far."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._at_once = asyncio.Event()
        self.lets_go = False

    @property
    def is_asked(self) -> bool:
        return self._asked.is_set()

    async def wait(self) -> None:
        await self._asked.wait()

    async def wait_at_once(self) -> None:
        await self._at_once.wait()

    def ask(self) -> None:
        """Once more."""
        if self._at_once.is_set():
            os._exit(EXIT_BY_SIGNAL)
        (self._at_once if self.is_asked else self._asked).set()

    def ask_to_let_go(self) -> None:
        """End the control plane; gateway and instances are left to the next one."""
        if not self.is_asked:
            self.lets_go = True
            self._asked.set()

    @contextmanager
    def on_signals(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        for number in SIGNALS:
            loop.add_signal_handler(number, self.ask)
        loop.add_signal_handler(LET_GO, self.ask_to_let_go)
        try:
            yield
        finally:
            for number in (*SIGNALS, LET_GO):
                loop.remove_signal_handler(number)


async def stop_data_plane(parts: Parts, shutdown: Shutdown, *, grace_s: float) -> None:
    """The gateway first, so that the requests it has let in find their instances; then those."""
    draining = asyncio.create_task(_drain(parts, grace_s), name="drain")
    hurry = asyncio.create_task(shutdown.wait_at_once(), name="wait for a second signal")
    await asyncio.wait([draining, hurry], return_when=asyncio.FIRST_COMPLETED)
    hurry.cancel()
    if not draining.done():
        logger.warning("stopping at once: requests in hand are lost")
        # Before anything is killed: it would go on with whatever it was waiting for, beside what is done here.
        draining.cancel()
        with suppress(asyncio.CancelledError):
            await draining
        await _kill(parts)
        return
    await draining


async def remove_instances(backend: ProcessBackend, grace_s: float) -> None:
    """End every instance that the backend knows, and wait until they are gone."""
    news = asyncio.Event()
    backend.changed = lambda _: news.set()
    for id in list(backend.observe()):
        await backend.remove(id, grace_s=grace_s)
    with suppress(TimeoutError):
        async with asyncio.timeout(grace_s + AFTER_GRACE_S):
            while backend.observe():
                await news.wait()
                news.clear()
    if left := list(backend.observe()):
        logger.error("instances that did not end: %s", ", ".join(left))


# --- private


async def _drain(parts: Parts, grace_s: float) -> None:
    logger.info("waiting for requests at the gateway to finish")
    await parts.gateway.stop()
    instances = parts.backend.observe()
    if instances:
        logger.info("stopping %d instances", len(instances))
    await remove_instances(parts.backend, grace_s)


async def _kill(parts: Parts) -> None:
    for pid in parts.gateway.envoy_pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await parts.gateway.stop()
    await remove_instances(parts.backend, 0.0)
