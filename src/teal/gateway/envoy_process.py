"""The gateway's Envoy: started, adopted, watched, started again, replaced, stopped gently; owned by `gateway.py`.

It lives in a session of its own and outlives a control plane that is killed; the next one adopts it by the pid file.
One that is to be replaced (another version, other settings) serves on until the next one has its configuration, shares
its listening socket with it, and leaves when its last client has.
"""

import asyncio
import errno
import logging
import os
from collections.abc import Awaitable, Callable, Set
from contextlib import suppress

import psutil

from teal.gateway.admin import Admin
from teal.gateway.envoy_binary import find_envoy
from teal.gateway.envoy_command import (
    build_arguments,
    build_bootstrap_text,
    describe_config,
    describe_contract,
    observe_started,
)
from teal.gateway.envoy_settings import EnvoySettings
from teal.gateway.errors import EnvoyNotStarted, GatewayError, PortTaken
from teal.gateway.found_envoys import find_leaving, find_living
from teal.gateway.handover import Meeting
from teal.gateway.launch import launch
from teal.gateway.pid_file import save_record, wait_for_exit, write_private
from teal.gateway.publications import Tenure
from teal.gateway.running_envoy import RunningEnvoy
from teal.gateway.shared_listening import SharedListening

logger = logging.getLogger(__name__)

IDLE_S = 30.0
"""A connection of a client to an Envoy that is leaving, which nobody has used for so long, is given up."""

LEAVE_WITHIN_S = 3600.0
"""How long requests and streams may keep an Envoy that is leaving."""


class EnvoyProcess:
    """One Envoy, kept running from `start` until `stop`; beside it, those it has replaced, until they have left."""

    def __init__(
        self,
        settings: EnvoySettings,
        changed: Callable[[], None] = lambda: None,
        farewell: Callable[[Admin], Awaitable[None]] | None = None,
    ) -> None:
        """`farewell` is called with each one that was replaced, just before it ends."""
        self._settings = settings
        self._changed = changed
        self._farewell = farewell
        self._adoptable: RunningEnvoy | None = None
        self._replaced: RunningEnvoy | None = None
        self._current: RunningEnvoy | None = None
        self._leaving: list[RunningEnvoy] = []
        self._last_number = 0
        self._listening = SharedListening(settings)
        self._tasks: list[asyncio.Task[None]] = []
        self.problem: str | None = None

    @property
    def pid(self) -> int | None:
        return self._current.pid if self._current is not None else None

    @property
    def pids(self) -> list[int]:
        """The newest first."""
        return [envoy.pid for envoy in self._all()]

    @property
    def admins(self) -> list[Admin]:
        return [envoy.admin for envoy in self._all()]

    def judge(self, node: str) -> Tenure:
        """One that is being replaced must not get routes that rely on what only the next one's listener does."""
        for envoy in self._leaving:
            if _number_in(node) == str(envoy.record.number):
                return _judge_leaving(envoy)
        return Tenure.STAYS

    def are_all(self, nodes: Set[str]) -> bool:
        """Whether every Envoy that is told of changes is among these."""
        numbers = {_number_in(node) for node in nodes}
        leaving = [envoy for envoy in self._leaving if _judge_leaving(envoy) is Tenure.LEAVES]
        return all(str(envoy.record.number) in numbers for envoy in (*filter(None, [self._current]), *leaving))

    def find(self) -> None:
        """What runs already; before any of it can connect, so that `judge` knows who is to be replaced."""
        living = find_living(self._settings)
        leaving = find_leaving(self._settings)
        self._last_number = max((envoy.record.number for envoy in (*filter(None, [living]), *leaving)), default=0)
        if living is not None and living.record.config != describe_config(self._settings):
            logger.info("envoy %s runs with other settings; replacing it", living.pid)
            self._replaced, living = living, None
            leaving.insert(0, self._replaced)
        self._adoptable, self._leaving = living, leaving

    async def start(self) -> None:
        """Adopt the Envoy that was found, or start one; raises when neither can be done."""
        if self._adoptable is not None:
            logger.info("adopting envoy %s", self._adoptable.pid)
            await self._adopt(self._adoptable)
        else:
            await self._start_new(self._replaced)
        self._tasks = [asyncio.create_task(self._supervise(), name="envoy-supervisor")]
        self._tasks += [asyncio.create_task(self._see_off(envoy), name="envoy-leaving") for envoy in self._leaving]
        for task in self._tasks:
            task.add_done_callback(_hear_end)

    async def stop(self, *, keep_running: bool = False) -> None:
        """Drain and end Envoy; or only let go of it, so that it serves on until somebody adopts it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._listening.close()
        if not keep_running:
            await self._end(self._all())
        # Not before: one that has just been started may still have something to say.
        self._listening.forget_all()
        self._current, self._leaving = None, []

    async def end_living(self) -> int | None:
        """Drain and end what nobody watches any more; returns the pid of one, None when there is none."""
        living = [*filter(None, [find_living(self._settings)]), *find_leaving(self._settings)]
        await self._end(living)
        return living[0].pid if living else None

    # --- private

    def _all(self) -> list[RunningEnvoy]:
        return [*filter(None, [self._current]), *self._leaving]

    async def _adopt(self, living: RunningEnvoy) -> None:
        save_record(self._settings.pid_file, living.record)
        self._point_to(living.record.number)
        self._current = living
        await self._listening.ask_back(living)
        self._listening.stand_by(self._all())

    async def _start_new(self, replaced: RunningEnvoy | None) -> None:
        await self._listening.obtain(self._leaving, self._end)
        self._leaving = [envoy for envoy in self._leaving if envoy.is_running]
        self._listening.stand_by(self._leaving)
        if replaced is not None and replaced in self._leaving:
            save_record(self._settings.leaving_file_of(replaced.record.number), replaced.record)
        try:
            self._current = await self._spawn()
        except BaseException:
            self._listening.close()
            self._listening.forget_all()
            if replaced is not None and replaced.is_running:
                save_record(self._settings.pid_file, replaced.record)
                self._point_to(replaced.record.number)
                self._settings.leaving_file_of(replaced.record.number).unlink(missing_ok=True)
            raise

    async def _supervise(self) -> None:
        """Wait for Envoy to end and start it again, more slowly each time it does not hold."""
        clock = asyncio.get_running_loop().time
        delay_s = _FIRST_DELAY_S
        while True:
            since = clock()
            if self._current is not None:
                await self._current.wait_for_exit()
                self.problem = f"envoy {self._current.pid} ended unexpectedly; starting it again"
                logger.error("%s; see %s", self.problem, self._settings.log_file)
                self._forget(self._current)
                self._current = None
                self._changed()
            if clock() - since > _HELD_S:
                delay_s = _FIRST_DELAY_S
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, _LAST_DELAY_S)
            try:
                if not self._listening.is_held:
                    await self._listening.obtain(list(self._leaving), self._end)
                self._current = await self._spawn()
                self.problem = None
            except (GatewayError, OSError, psutil.Error) as error:
                self.problem = str(error)
                logger.error("envoy could not be started again: %s", error)  # the sentence says it all
                # Clients have waited in the socket's queue so far; now nobody knows for how long it would be.
                self._listening.close()
            self._changed()

    async def _see_off(self, envoy: RunningEnvoy) -> None:
        """Once the newest Envoy serves, let this one's clients finish, and end it."""
        while self._current is None or not await self._current.admin.is_ready():  # noqa: ASYNC110  # no event
            await asyncio.sleep(_POLL_S)
        logger.info("envoy %s serves; envoy %s takes no more connections", self._current.pid, envoy.pid)
        await envoy.send_clients_away(idle_s=IDLE_S, within_s=LEAVE_WITHIN_S)
        if self._farewell is not None:
            await self._farewell(envoy.admin)
        # First, without a wait in between: what it has counted is carried now, and must not be asked of it again.
        self._leaving.remove(envoy)
        try:
            await envoy.end()
        except asyncio.CancelledError:
            self._leaving.append(envoy)  # whoever stops this process ends it with the others
            raise
        self._forget(envoy)
        logger.info("envoy %s has left", envoy.pid)
        self._changed()

    async def _spawn(self) -> RunningEnvoy:
        binary = find_envoy()
        number = self._last_number = self._last_number + 1
        meeting = Meeting(self._settings.run_dir, number)
        write_private(self._settings.bootstrap_file, build_bootstrap_text(self._settings, number))
        self._settings.admin_socket_of(number).unlink(missing_ok=True)
        lender = self._listening.lend(meeting)
        log_start = self._settings.log_file.stat().st_size if self._settings.log_file.exists() else 0
        pid: int | None = None
        try:
            pid = launch([str(binary), *build_arguments(self._settings, number)], self._settings.log_file)
            envoy = RunningEnvoy(self._settings, observe_started(self._settings, pid, number))
            save_record(self._settings.pid_file, envoy.record)
            await self._wait_until_up(envoy, log_start)
        except BaseException:
            # Also when it is this process that is being stopped: one that nobody knows of must not stay behind.
            if pid is not None:
                await _kill(pid, str(self._settings.bootstrap_file))
            self._settings.pid_file.unlink(missing_ok=True)
            self._settings.admin_socket_of(number).unlink(missing_ok=True)
            self._listening.forget(number)
            meeting.clear()
            raise
        if lender is not None:
            lender.forget_memory()
        self._point_to(number)
        return envoy

    def _forget(self, envoy: RunningEnvoy) -> None:
        envoy.clear()
        self._listening.forget(envoy.record.number)

    def _point_to(self, number: int) -> None:
        """Whoever asks `admin_socket` asks this one."""
        link = self._settings.admin_socket.with_name("admin.new")
        link.unlink(missing_ok=True)
        link.symlink_to(self._settings.admin_socket_of(number).name)
        link.replace(self._settings.admin_socket)

    async def _wait_until_up(self, envoy: RunningEnvoy, log_start: int) -> None:
        ended = asyncio.create_task(envoy.wait_for_exit(), name="envoy-start")
        try:
            deadline = asyncio.get_running_loop().time() + _START_WITHIN_S
            while not ended.done() and asyncio.get_running_loop().time() < deadline:
                if await envoy.admin.is_up():
                    return
                await asyncio.wait([ended], timeout=_POLL_S)
        finally:
            ended.cancel()
        last_words = _read_from(self._settings.log_file, log_start)
        if os.strerror(errno.EADDRINUSE).lower() in last_words.lower():
            raise PortTaken(self._settings.host, self._settings.port)
        raise EnvoyNotStarted(f"envoy did not start; its last words: {last_words[-_LAST_WORDS_CHARS:].strip()}")

    async def _end(self, envoys: list[RunningEnvoy]) -> None:
        await asyncio.gather(*(envoy.end() for envoy in envoys))
        if envoys:
            for path in (self._settings.pid_file, self._settings.admin_socket, self._settings.totals_file):
                path.unlink(missing_ok=True)


_FIRST_DELAY_S = 0.05
_LAST_DELAY_S = 10.0
_HELD_S = 30.0
_POLL_S = 0.05
_START_WITHIN_S = 30.0
_LAST_WORDS_CHARS = 500


def _number_in(node: str) -> str:
    """By its number alone: it may have been started for another port."""
    return node.rpartition("-")[2]


def _judge_leaving(envoy: RunningEnvoy) -> Tenure:
    return Tenure.LEAVES if envoy.record.contract == describe_contract() else Tenure.LEFT_ALONE


def _hear_end(task: "asyncio.Task[None]") -> None:
    """Nobody waits for these: a defect in one must not leave the gateway without anybody who starts it again."""
    if not task.cancelled() and (error := task.exception()) is not None:
        task.get_loop().call_exception_handler(
            {"message": f"{task.get_name()} failed", "exception": error, "task": task}
        )


async def _kill(pid: int, argument: str) -> None:
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if argument in process.cmdline():
            process.kill()
            await wait_for_exit(pid)


def _read_from(path: os.PathLike[str], start: int) -> str:
    with open(path, "rb") as file:
        file.seek(start)
        return file.read().decode(errors="replace")
