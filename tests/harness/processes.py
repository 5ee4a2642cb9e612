"""Child processes of a test: each in a group of its own, and none outlives the test run, also after a failure."""

import atexit
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_living: dict[int, "ChildProcess"] = {}


class ChildProcess:
    """A started process; what it prints (both streams) goes to `log_path`. `pid` is also its process group."""

    def __init__(self, popen: subprocess.Popen[bytes], log_path: Path) -> None:
        self.popen = popen
        self.pid = popen.pid
        self.log_path = log_path

    @property
    def returncode(self) -> int | None:
        """None while it runs; a negative number is the signal that ended it."""
        return self.popen.poll()

    @property
    def output(self) -> str:
        return self.log_path.read_text(errors="replace")

    def send_signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def terminate(self) -> None:
        self.popen.send_signal(signal.SIGTERM)

    def wait(self, within_s: float = 10.0) -> int:
        """The exit status, once it has ended by itself."""
        try:
            return self.popen.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"process {self.pid} still runs after {within_s:g} s:\n{self.output}") from None

    def kill(self) -> None:
        """End the process and everything left in its group. Safe to repeat."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait()
        _living.pop(self.pid, None)


def start_process(
    argv: Sequence[str | Path],
    *,
    log_path: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> ChildProcess:
    """Start `argv` in its own process group. `env` replaces the environment when given."""
    with log_path.open("ab") as log:
        popen = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            start_new_session=True,
        )
    child = ChildProcess(popen, log_path)
    _living[child.pid] = child
    return child


@contextmanager
def running_process(
    argv: Sequence[str | Path],
    *,
    log_path: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[ChildProcess]:
    """`start_process` for a `with` block: killed at its end, whatever happened inside."""
    child = start_process(argv, log_path=log_path, env=env, cwd=cwd)
    try:
        yield child
    finally:
        child.kill()


# --- private


@atexit.register
def _kill_living() -> None:
    for child in list(_living.values()):
        child.kill()
