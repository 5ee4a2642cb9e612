"""Which process a number means: pid and birth together, so that a recycled pid is never trusted or signalled.

Called by compute/process/instance.py for processes of this server and for those an earlier one left behind.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process for good. `birth` is as shim.py writes it: on Linux ticks and boot, elsewhere the time of day."""

    pid: int
    birth: str


def observe_identity(pid: int) -> ProcessIdentity | None:
    """Who has this number now; None when nobody has, or only a zombie."""
    if sys.platform != "linux":
        try:
            process = psutil.Process(pid)
            ended = process.status() == psutil.STATUS_ZOMBIE
            return None if ended else ProcessIdentity(pid, f"{process.create_time():.2f}")
        except psutil.Error:
            return None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    return None if fields[0] in "ZX" else ProcessIdentity(pid, f"{fields[19]}@{boot}")


def is_alive(identity: ProcessIdentity) -> bool:
    """Whether it is still this process that has the number."""
    now = observe_identity(identity.pid)
    if now is None or sys.platform == "linux":
        return now == identity
    return abs(float(now.birth) - float(identity.birth)) < _BIRTH_TOLERANCE_S


def kill_group(identity: ProcessIdentity) -> None:
    """End the process group of a living leader at once; nothing when the leader is no longer who it was."""
    if is_alive(identity):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(identity.pid, signal.SIGKILL)


class WatchedProcess:
    """A living process; `ended` is set when it is no more. A pidfd tells at once; without one it is asked often."""

    def __init__(self, identity: ProcessIdentity) -> None:
        self.identity = identity
        self.ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._pidfd = _open_pidfd(identity.pid)
        self._timer: asyncio.TimerHandle | None = None
        if not is_alive(identity):  # asked after the pidfd is open: from here on it cannot become another process
            self._end()
        elif self._pidfd >= 0:
            self._loop.add_reader(self._pidfd, self._end)
        else:
            self._ask()

    def send_signal(self, number: int) -> None:
        """Signal this process and never another."""
        if self.ended.is_set():
            return
        with suppress(ProcessLookupError):
            if self._pidfd >= 0:
                signal.pidfd_send_signal(self._pidfd, number)
            elif is_alive(self.identity):
                os.kill(self.identity.pid, number)

    def forget(self) -> None:
        """Stop watching; the process goes on."""
        if self._timer is not None:
            self._timer.cancel()
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    # --- private

    def _end(self) -> None:
        self.forget()
        with suppress(ChildProcessError):  # an earlier server's child is not ours to reap
            os.waitpid(self.identity.pid, os.WNOHANG)
        self.ended.set()

    def _ask(self) -> None:
        if is_alive(self.identity):
            self._timer = self._loop.call_later(_ASK_EVERY_S, self._ask)
        else:
            self._end()


_ASK_EVERY_S = 0.1
_BIRTH_TOLERANCE_S = 2.0


def _open_pidfd(pid: int) -> int:
    try:
        return os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
    except OSError:
        return -1
