"""One Envoy that runs: what it is asked, how its clients are sent to the next one, how it is ended. Made by
`envoy_process.py`."""

import asyncio
import logging
import os
import signal
from contextlib import suppress

import httpx

from teal.gateway.admin import Admin
from teal.gateway.connections import LISTENER_NAME
from teal.gateway.envoy_settings import EnvoySettings
from teal.gateway.handover import Meeting
from teal.gateway.pid_file import ProcessRecord, is_running, wait_for_exit

logger = logging.getLogger(__name__)


class RunningEnvoy:
    """A process, found again by its record."""

    def __init__(self, settings: EnvoySettings, record: ProcessRecord) -> None:
        self._settings = settings
        self.record = record
        self.admin = Admin(settings.admin_socket_of(record.number))
        self.meeting = Meeting(settings.run_dir, record.number)

    @property
    def pid(self) -> int:
        return self.record.pid

    @property
    def is_running(self) -> bool:
        return is_running(self.record, str(self._settings.bootstrap_file))

    async def wait_for_exit(self) -> None:
        await wait_for_exit(self.pid)

    async def send_clients_away(self, *, idle_s: float, within_s: float) -> None:
        """Take no new connections, tell those that are open to end, and wait until the last one has.

        HTTP/1.1 clients hear of it with their next answer (`connection: close`), HTTP/2 clients by GOAWAY; requests
        and streams are finished. Connections that nobody uses hear nothing: they are given up after `idle_s` without a
        request in hand.
        """
        clock = asyncio.get_running_loop().time
        began = last_used = heard = clock()
        is_told, pause_s = False, _POLL_S
        while self.is_running and clock() - began < within_s and clock() - heard < _SILENT_S:
            # On a busy machine an answer may be late: that says nothing about who is connected.
            with suppress(httpx.HTTPError):
                if not is_told:
                    await self.admin.post("/healthcheck/fail")
                    await self.admin.post("/drain_listeners")
                    is_told = True
                connections = await self.admin.sum_gauges(_CONNECTIONS)
                if await self.admin.sum_gauges(_REQUESTS_IN_HAND):
                    last_used = clock()
                if not connections or clock() - last_used > idle_s:
                    return
                heard = clock()
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _LONGEST_POLL_S)

    async def end(self) -> None:
        """Stop accepting, let requests finish, ask it to go, make it go."""
        # Asked to go with copies under way, Envoy 1.40 crashes now and then. Nobody waits for them: no need to ask.
        polite = (signal.SIGTERM,) if self.is_running and await self._drain() else ()
        for number in (*polite, signal.SIGKILL):
            if not self.is_running:
                break
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.wait_for_exit(), TERM_WITHIN_S)
        self.clear()

    def clear(self) -> None:
        """Remove the files of one that has ended."""
        self._settings.admin_socket_of(self.record.number).unlink(missing_ok=True)
        self._settings.leaving_file_of(self.record.number).unlink(missing_ok=True)
        self.meeting.clear()

    # --- private

    async def _drain(self) -> bool:
        """Let requests finish, then copies for a moment; whether nothing of a copy is left."""
        with suppress(httpx.HTTPError):
            await self.admin.post("/drain_listeners")
            await self._wait_for_none(_REQUESTS_IN_HAND, "requests", self._settings.drain_s)
            # Long enough for what was logged to be in the file, however it ends.
            return await self._wait_for_none(_COPIES_IN_HAND, "copies", min(_COPIES_WITHIN_S, self._settings.drain_s))
        return True

    async def _wait_for_none(self, stats: str, what: str, within_s: float) -> bool:
        deadline = asyncio.get_running_loop().time() + within_s
        told = 0
        while waiting := await self.admin.sum_gauges(stats):
            if waiting != told:
                logger.info("waiting for %d %s at the gateway to finish", waiting, what)
                told = waiting
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True


TERM_WITHIN_S = 5.0

# --- private

_CONNECTIONS = f"^http\\.{LISTENER_NAME}\\.downstream_cx_active$"
_REQUESTS_IN_HAND = f"^http\\.{LISTENER_NAME}\\.downstream_rq_active$"
_COPIES_IN_HAND = r"^cluster\..*/shadow\.upstream_rq_active$"
_COPIES_WITHIN_S = 2.0
_SILENT_S = 60.0
_POLL_S = 0.05
_LONGEST_POLL_S = 1.0
