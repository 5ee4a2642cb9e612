"""Which process is ours: remembered across restarts, never mistaken for another one; for `envoy_process.py`."""

import asyncio
import json
import os
from collections.abc import Callable, Container
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

FILE_MODE = 0o600


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """One process, by more than its number: numbers are used again. `config` names what it was started with,
    `number` which one of several it is, `contract` what it does with a request that others have to know."""

    pid: int
    started_at: float
    config: str
    number: int = 0
    contract: str = ""


def save_record(path: Path, record: ProcessRecord) -> None:
    write_private(path, json.dumps(asdict(record)))


def load_record(path: Path) -> ProcessRecord | None:
    """What was saved; None when there is nothing, or nothing readable (a half-written file counts as nothing)."""
    try:
        return ProcessRecord(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def observe_record(pid: int, config: str, number: int = 0, contract: str = "") -> ProcessRecord:
    """The record of a process that runs now."""
    return ProcessRecord(pid, psutil.Process(pid).create_time(), config, number, contract)


def is_running(record: ProcessRecord, argument: str) -> bool:
    """Whether exactly this process still runs: same number, same start, and `argument` on its command line."""
    try:
        process = psutil.Process(record.pid)
        return (
            abs(process.create_time() - record.started_at) < _CLOCK_SLACK_S
            and process.status() != psutil.STATUS_ZOMBIE
            and argument in process.cmdline()
        )
    except psutil.Error:
        return False


def find_by_argument(argument: str, known: Container[int] = ()) -> int | None:
    """The process with this command-line argument: the way back to one whose record was never written. Not one of
    `known`."""
    for process in psutil.process_iter(["cmdline", "status"]):
        is_alive = process.info["status"] != psutil.STATUS_ZOMBIE
        if is_alive and argument in (process.info["cmdline"] or ()) and process.pid not in known:
            return int(process.pid)
    return None


async def wait_for_exit(pid: int) -> None:
    """Return when the process has ended, be it our child or not; a child is reaped."""
    if hasattr(os, "pidfd_open"):
        await _wait_for_pidfd(pid)
    else:
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:  # noqa: ASYNC110  # no event
            await asyncio.sleep(_POLL_S)
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222  # does not block


def write_private(path: Path, text: str) -> None:
    """Write for this user only, whole or not at all."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "w") as file:
        file.write(text)
    temporary.replace(path)


# --- private

_POLL_S = 0.1

# The kernel counts from boot; turned into a time of day it moves a little when the clock is set.
_CLOCK_SLACK_S = 5.0


async def _wait_for_pidfd(pid: int) -> None:
    loop = asyncio.get_running_loop()
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = loop.create_future()
    on_ready: Callable[[], None] = lambda: None if ended.done() else ended.set_result(None)  # noqa: E731
    loop.add_reader(descriptor, on_ready)
    try:
        await ended
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
