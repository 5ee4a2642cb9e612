"""A listening socket that outlives the Envoys that serve it: lent to each one that starts, asked back from one that
runs; for `envoy_process.py`.

Envoy takes a socket that it has not opened itself only from the Envoy before it, by the protocol of its hot restart
(https://www.envoyproxy.io/docs/envoy/v1.40.0/intro/arch_overview/operations/hot_restart, messages and framing in
source/server/hot_restart.proto and hot_restarting_base.h). Here this process takes the place of the one before, and of
the one after: so Envoys share one queue of connections and know nothing of each other. What else is part of a hot
restart (statistics, the end of the one before) goes other ways. On Linux only; elsewhere Envoys open their own sockets.
"""

import asyncio
import errno
import logging
import os
import socket
import struct
import subprocess
import sys
import zlib
from array import array
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from teal.gateway.envoy_binary import find_envoy
from teal.gateway.errors import EnvoyNotStarted, PortTaken

logger = logging.getLogger(__name__)


def open_listening(host: str, port: int) -> socket.socket:
    """Nobody else listens there, or it is said who cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Connections that are only lingering do not count; a listener does.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(host, port) from None
        raise EnvoyNotStarted(f"cannot listen on {host} port {port}: {error.strerror}") from None
    listening.setblocking(False)
    return listening


def can_lend() -> bool:
    """Whether Envoys of this machine take a socket."""
    return sys.platform == "linux" and os.access(_SHARED_MEMORY, os.W_OK) and _read_protocol() is not None


@dataclass(frozen=True, slots=True)
class Meeting:
    """Where one Envoy and this process meet: files named by a number that no other Envoy of this machine has."""

    run_dir: Path
    number: int

    @property
    def base_id(self) -> int:
        return zlib.crc32(f"{self.run_dir}/{self.number}".encode()) >> 5

    @property
    def arguments(self) -> list[str]:
        """For Envoy's command line."""
        return [
            "--base-id", str(self.base_id),
            "--restart-epoch", "1",
            "--socket-path", str(self.run_dir / "e"),
            "--socket-mode", "600",
            "--skip-hot-restart-parent-stats",
            "--skip-hot-restart-on-no-parent",
            # As soon as it serves it bids the one before it farewell, and then has nothing to do with it any more.
            "--parent-shutdown-time-s", "0",
        ]  # fmt: skip

    def path(self, role: str, epoch: int) -> Path:
        # Envoy leaves room for the generations of one base id: there are three, which take turns.
        return self.run_dir / f"e_{role}_{self.base_id * 10 + epoch}"

    @property
    def memory(self) -> Path:
        """What Envoys of one base id share: two locks and a flag."""
        return _SHARED_MEMORY / f"envoy_shared_memory_{self.base_id * 10}"

    def clear(self) -> None:
        """Remove everything of an Envoy that has ended."""
        roles = ("parent", "child", "udp_parent", "udp_child")
        for path in (self.memory, self.path("parent", 0), *(self.path(role, 1) for role in roles)):
            path.unlink(missing_ok=True)


class Lender:
    """Answers one Envoy that starts, in place of the one before it. Has to stay until the Envoy serves, and may stay
    longer."""

    def __init__(self, meeting: Meeting, listening: socket.socket) -> None:
        self._meeting = meeting
        self._listening = listening
        self._port = listening.getsockname()[1]
        self._socket: socket.socket | None = None

    def open(self, *, is_new: bool) -> None:
        """Before Envoy is started (`is_new`), or for one that runs and has perhaps not said everything yet."""
        if is_new:
            self._meeting.clear()
            _write_shared_memory(self._meeting.memory)
        path = self._meeting.path("parent", 0)
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        # The directory is closed to others already; this is the second lock, for whoever opens the directory up.
        path.chmod(_SOCKET_MODE)
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._answer)

    def forget_memory(self) -> None:
        """Envoy has it mapped: nobody looks for it by name again."""
        self._meeting.memory.unlink(missing_ok=True)

    def close(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            # The file stays: an Envoy that finds nobody there tries again for a while, without it Envoy aborts.
            self._socket.close()
            self._socket = None

    # --- private

    def _answer(self) -> None:
        assert self._socket is not None
        with suppress(BlockingIOError):
            request = self._socket.recv(_MAX_DATAGRAM)[_LENGTH.size :]
            answer = _ANSWERS.get(_read_kind(request) or 0)
            if answer is None:
                return  # it asks for no answer: nothing is left to be ended here
            is_ours = request.endswith(f":{self._port}".encode())
            is_open = self._listening.fileno() >= 0
            passed = [self._listening.fileno()] if answer is _TAKE and is_ours and is_open else []
            data = answer if passed or answer is not _TAKE else _NOTHING_TO_TAKE
            beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", passed))] if passed else []
            with suppress(OSError):  # it has ended meanwhile
                self._socket.sendmsg([_frame(data)], beside, 0, str(self._meeting.path("child", 1)))


async def ask_back(meeting: Meeting, host: str, port: int) -> socket.socket | None:
    """The listening socket of an Envoy that runs; None when it has none for this address, or does not answer."""
    return await asyncio.to_thread(_ask_back, meeting, f"tcp://{f'[{host}]' if ':' in host else host}:{port}")


# --- private

_BACKLOG = 4096
_SOCKET_MODE = 0o600
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # where shm_open(3) looks
_PATIENCE_S = 2.0
_MAX_DATAGRAM = 4096
_LENGTH = struct.Struct(">Q")

# HotRestartMessage: 1 request {1 pass_listen_socket {1 address}, 2 shutdown_admin, 3 stats, …},
# 2 reply {1 pass_listen_socket {1 fd}, 2 shutdown_admin, 3 stats}.
_REQUEST, _REPLY = b"\x0a", b"\x12"
_PASS_LISTEN_SOCKET, _SHUTDOWN_ADMIN = 1, 2
_TAKE = b"\x12\x04\x0a\x02\x08\x01"  # whatever number it has: the socket travels beside the message
_NOTHING_TO_TAKE = b"\x12\x0d\x0a\x0b\x08" + b"\xff" * 9 + b"\x01"  # -1
_ANSWERS = {_PASS_LISTEN_SOCKET: _TAKE, _SHUTDOWN_ADMIN: b"\x12\x02\x12\x00"}


def _frame(message: bytes) -> bytes:
    return _LENGTH.pack(len(message)) + message


def _read_kind(request: bytes) -> int | None:
    return request[2] >> 3 if len(request) > 2 and request[:1] == _REQUEST else None


def _ask_back(meeting: Meeting, address: str) -> socket.socket | None:
    name = address.encode()
    inner = b"\x0a" + bytes([len(name)]) + name
    question = b"\x0a" + bytes([len(inner)]) + inner
    request = _REQUEST + bytes([len(question)]) + question
    path = meeting.path("child", 2)
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
        try:
            asking.bind(str(path))
            asking.settimeout(_PATIENCE_S)
            asking.sendto(_frame(request), str(meeting.path("parent", 1)))
            _, passed, _, _ = socket.recv_fds(asking, _MAX_DATAGRAM, 1)
        except OSError as error:
            logger.info("envoy keeps its listening socket to itself: %s", error)
            return None
        finally:
            path.unlink(missing_ok=True)
    if not passed:
        return None
    listening = socket.socket(fileno=passed[0])
    listening.set_inheritable(False)
    return listening


def _write_shared_memory(path: Path) -> None:
    protocol = _read_protocol()
    assert protocol is not None
    version, size = protocol
    # Its size, its version, two mutexes that nobody holds (zeros: as PTHREAD_MUTEX_INITIALIZER has them), no flags.
    content = struct.pack("=QQ", size, version).ljust(size, b"\0")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


@cache
def _read_protocol() -> tuple[int, int] | None:
    """Version of the protocol, and bytes of the shared memory, which differ between processors."""
    done = subprocess.run([find_envoy(), "--hot-restart-version"], capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip()
    version, _, size = said.partition(".")
    if version != _SPOKEN_HERE or not size.isdigit():
        logger.warning("this Envoy hands over sockets in another way (%r): replacing it will close connections", said)
        return None
    return int(version), int(size)


_SPOKEN_HERE = "11"
