"""The Envoy child: started, adopted, watched, started again, stopped gently; owned by `gateway.py`.

It lives in a session of its own and outlives a control plane that is killed; the next one adopts it by the pid file.
"""

import asyncio
import errno
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import httpx
import psutil
from google.protobuf.json_format import MessageToJson

from teal.gateway.admin import Admin
from teal.gateway.bootstrap import MAX_CONNECTIONS, build_bootstrap
from teal.gateway.clusters import MAX_MIRRORED_BODY_BYTES
from teal.gateway.connections import LISTENER_NAME
from teal.gateway.envoy_binary import DISTRIBUTION, find_envoy
from teal.gateway.errors import EnvoyNotStarted, GatewayError, PortTaken, RunDirTooLong
from teal.gateway.listener import Door
from teal.gateway.model import content_version
from teal.gateway.pid_file import (
    FILE_MODE,
    ProcessRecord,
    find_by_argument,
    is_running,
    load_record,
    observe_record,
    save_record,
    wait_for_exit,
    write_private,
)
from teal.gateway.tls import TlsSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EnvoySettings:
    """Where Envoy listens and where its files go. `run_dir` must be short and the same after a restart."""

    run_dir: Path
    log_file: Path
    host: str
    port: int
    concurrency: int
    drain_s: float = 10.0
    tls: TlsSettings | None = None
    host_domain: str | None = None  # with TLS: `<name>.<host_domain>` is an endpoint's own host
    access_log: Path | None = None
    max_mirrored_body_bytes: int = MAX_MIRRORED_BODY_BYTES
    max_connections: int = MAX_CONNECTIONS
    token_keys: str | None = None  # JWKS, for endpoints that take tokens

    @property
    def xds_socket(self) -> Path:
        return self.run_dir / "xds.sock"

    @property
    def admin_socket(self) -> Path:
        return self.run_dir / "admin.sock"

    @property
    def tls_secret_file(self) -> Path:
        return self.run_dir / "tls.json"

    @property
    def bootstrap_file(self) -> Path:
        return self.run_dir / "envoy.json"

    @property
    def pid_file(self) -> Path:
        return self.run_dir / "envoy.pid"


class EnvoyProcess:
    """One Envoy, kept running from `start` until `stop`."""

    def __init__(self, settings: EnvoySettings, changed: Callable[[], None]) -> None:
        self._settings = settings
        self._changed = changed
        self._admin = Admin(settings.admin_socket)
        self._record: ProcessRecord | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self.problem: str | None = None

    @property
    def pid(self) -> int | None:
        return self._record.pid if self._record is not None else None

    def prepare(self) -> None:
        """Make the directories; they must be there before the xDS socket is."""
        for path in (self._settings.xds_socket, self._settings.admin_socket):
            if len(os.fsencode(path)) > _MAX_SOCKET_PATH_BYTES:
                raise RunDirTooLong(f"'{path}' is too long for a unix socket; use a shorter run directory")
        self._settings.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._settings.log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def start(self) -> None:
        """Adopt the Envoy that runs already, or start one; raises when neither can be done."""
        bootstrap = self._build_bootstrap()
        living = self._find_living()
        if living is not None and living.config != _describe_config(bootstrap):
            logger.info("envoy %s runs with other settings; replacing it", living.pid)
            await self._end(living)
            living = None
        if living is not None:
            logger.info("adopting envoy %s", living.pid)
            save_record(self._settings.pid_file, living)
        self._record = living or await self._spawn(bootstrap)
        self._supervisor = asyncio.create_task(self._supervise(bootstrap), name="envoy-supervisor")

    async def stop(self, *, keep_running: bool = False) -> None:
        """Drain and end Envoy; or only let go of it, so that it serves on until somebody adopts it."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            with suppress(asyncio.CancelledError):
                await self._supervisor
            self._supervisor = None
        if self._record is not None and not keep_running:
            await self._end(self._record)
        self._record = None

    async def end_living(self) -> int | None:
        """Drain and end an Envoy that nobody watches any more; returns its pid, None when there is none."""
        living = self._find_living()
        if living is None:
            return None
        await self._end(living)
        return living.pid

    # --- private

    def _build_bootstrap(self) -> str:
        message = build_bootstrap(
            node_id=f"gateway-{self._settings.port}",
            door=Door(
                host=self._settings.host,
                port=self._settings.port,
                tls_secret_file=self._settings.tls_secret_file if self._settings.tls else None,
                host_domain=self._settings.host_domain,
                access_log=self._settings.access_log,
                max_mirrored_body_bytes=self._settings.max_mirrored_body_bytes,
                token_keys=self._settings.token_keys,
            ),
            xds_socket=self._settings.xds_socket,
            admin_socket=self._settings.admin_socket,
            max_connections=self._settings.max_connections,
        )
        return str(MessageToJson(message, sort_keys=True, preserving_proto_field_name=True))

    def _find_living(self) -> ProcessRecord | None:
        argument = str(self._settings.bootstrap_file)
        record = load_record(self._settings.pid_file)
        if record is not None and is_running(record, argument):
            return record
        # Killed between starting Envoy and writing the pid file: what it was started with stands in the bootstrap.
        pid = find_by_argument(argument)
        if pid is None:
            return None
        with suppress(psutil.Error, OSError):
            return observe_record(pid, _describe_config(self._settings.bootstrap_file.read_text()))
        return None

    async def _supervise(self, bootstrap: str) -> None:
        """Wait for Envoy to end and start it again, more slowly each time it does not hold."""
        clock = asyncio.get_running_loop().time
        delay_s = _FIRST_DELAY_S
        while True:
            since = clock()
            if self._record is not None:
                await wait_for_exit(self._record.pid)
                self.problem = f"envoy {self._record.pid} ended unexpectedly; starting it again"
                logger.error("%s; see %s", self.problem, self._settings.log_file)
                self._record = None
                self._changed()
            if clock() - since > _HELD_S:
                delay_s = _FIRST_DELAY_S
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, _LAST_DELAY_S)
            try:
                self._record = await self._spawn(bootstrap)
                self.problem = None
            except (GatewayError, OSError, psutil.Error) as error:
                self.problem = str(error)
                logger.error("envoy could not be started again: %s", error)  # the sentence says it all
            self._changed()

    async def _spawn(self, bootstrap: str) -> ProcessRecord:
        binary = find_envoy()
        _check_port_free(self._settings.host, self._settings.port)
        write_private(self._settings.bootstrap_file, bootstrap)
        self._settings.admin_socket.unlink(missing_ok=True)
        log_start = self._settings.log_file.stat().st_size if self._settings.log_file.exists() else 0
        pid = _spawn_detached([str(binary), *self._arguments()], self._settings.log_file)
        try:
            record = observe_record(pid, _describe_config(bootstrap))
            save_record(self._settings.pid_file, record)
            await self._wait_until_up(pid, log_start)
        except BaseException:
            # Also when it is this process that is being stopped: one that nobody knows of must not stay behind.
            await _kill_child(pid)
            self._settings.pid_file.unlink(missing_ok=True)
            raise
        return record

    def _arguments(self) -> list[str]:
        return [
            "--config-path", str(self._settings.bootstrap_file),
            "--concurrency", str(self._settings.concurrency),
            # Hot restart shares memory between all Envoys of a machine by a number; two Teals would collide.
            "--disable-hot-restart",
            "--log-level", "warning",
            "--file-flush-interval-msec", "1000",
        ]  # fmt: skip

    async def _wait_until_up(self, pid: int, log_start: int) -> None:
        ended = asyncio.create_task(wait_for_exit(pid), name="envoy-start")
        try:
            deadline = asyncio.get_running_loop().time() + _START_WITHIN_S
            while not ended.done() and asyncio.get_running_loop().time() < deadline:
                if await self._admin.is_up():
                    return
                await asyncio.wait([ended], timeout=_POLL_S)
        finally:
            ended.cancel()
        last_words = _read_from(self._settings.log_file, log_start)
        if os.strerror(errno.EADDRINUSE).lower() in last_words.lower():
            raise PortTaken(self._settings.host, self._settings.port)
        raise EnvoyNotStarted(f"envoy did not start; its last words: {last_words[-_LAST_WORDS_CHARS:].strip()}")

    async def _end(self, record: ProcessRecord) -> None:
        """Stop accepting, let requests finish, ask it to go, make it go."""
        argument = str(self._settings.bootstrap_file)
        if not is_running(record, argument):
            return
        # Asked to go with copies under way, Envoy 1.40 crashes now and then. Nobody waits for them: no need to ask.
        polite = (signal.SIGTERM,) if await self._drain() else ()
        for number in (*polite, signal.SIGKILL):
            if not is_running(record, argument):
                break
            os.kill(record.pid, number)
            with suppress(TimeoutError):
                await asyncio.wait_for(wait_for_exit(record.pid), _TERM_WITHIN_S)
        self._settings.pid_file.unlink(missing_ok=True)
        self._settings.admin_socket.unlink(missing_ok=True)

    async def _drain(self) -> bool:
        """Let requests finish, then copies for a moment; whether nothing of a copy is left."""
        with suppress(httpx.HTTPError):
            await self._admin.post("/drain_listeners")
            await self._wait_for_none(_REQUESTS_IN_HAND, "requests", self._settings.drain_s)
            # Long enough for what was logged to be in the file, however it ends.
            return await self._wait_for_none(_COPIES_IN_HAND, "copies", min(_COPIES_WITHIN_S, self._settings.drain_s))
        return True

    async def _wait_for_none(self, stats: str, what: str, within_s: float) -> bool:
        deadline = asyncio.get_running_loop().time() + within_s
        told = 0
        while waiting := await self._admin.sum_stats(stats):
            if waiting != told:
                logger.info("waiting for %d %s at the gateway to finish", waiting, what)
                told = waiting
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True


_REQUESTS_IN_HAND = f"^http\\.{LISTENER_NAME}\\.downstream_rq_active$"
_COPIES_IN_HAND = r"^cluster\..*/shadow\.upstream_rq_active$"
_COPIES_WITHIN_S = 2.0
_FIRST_DELAY_S = 0.05
_LAST_DELAY_S = 10.0
_HELD_S = 30.0
_POLL_S = 0.05
_START_WITHIN_S = 30.0
_TERM_WITHIN_S = 5.0
_LAST_WORDS_CHARS = 500

_OPEN_FILES = 65_536

# sun_path holds 108 bytes on Linux and 104 on macOS, the closing zero included.
_MAX_SOCKET_PATH_BYTES = 103


def _check_port_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Connections that are only lingering do not count; a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(host, port) from None
            raise EnvoyNotStarted(f"cannot listen on {host} port {port}: {error.strerror}") from None


def _describe_config(bootstrap: str) -> str:
    """What an Envoy runs with: one of another version or with other settings is not adopted."""
    return f"{content_version(bootstrap.encode())} on {version(DISTRIBUTION)}"


async def _kill_child(pid: int) -> None:
    # No child of this number: it has ended and was reaped, and the number may be somebody else's by now.
    with suppress(ChildProcessError):
        if os.waitpid(pid, os.WNOHANG) == (0, 0):  # noqa: ASYNC222  # does not block
            os.kill(pid, signal.SIGKILL)
            await wait_for_exit(pid)


def _spawn_detached(argv: list[str], log_file: Path) -> int:
    """Start a process in a session of its own. Not by fork: this process has threads (gRPC's among them)."""
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    with _many_open_files():
        return os.posix_spawn(
            argv[0],
            argv,
            {},  # no environment: whatever secrets this process was given are none of Envoy's business
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log_file), append, FILE_MODE),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )


@contextmanager
def _many_open_files() -> Iterator[None]:
    """As many as this user may have, for what is started meanwhile: a connection is a file, and two for each client."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Systems without a hard limit still refuse a soft one without an end.
    most = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    wanted = soft if soft == resource.RLIM_INFINITY else max(soft, most)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        yield
    finally:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _read_from(path: Path, start: int) -> str:
    with path.open("rb") as file:
        file.seek(start)
        return file.read().decode(errors="replace")
