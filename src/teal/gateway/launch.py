"""Starts a process that belongs to nobody: it outlives this one and is not told of its end; for `envoy_process.py`."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from teal.gateway.errors import EnvoyNotStarted
from teal.gateway.pid_file import FILE_MODE


def launch(argv: list[str], log_file: Path) -> int:
    """Its pid. It has a session of its own, no environment, and `log_file` for what it prints.

    Not by fork: this process has threads (gRPC's among them). Through a shell that ends first: Envoy asks to be
    terminated with its parent once it can take over sockets (prctl(2), PR_SET_PDEATHSIG), so its parent must be gone
    for good before it begins.
    """
    reading, writing = os.pipe()
    try:
        with _many_open_files():
            shell = os.posix_spawn(
                _SHELL,
                [_SHELL, "-c", _BEGIN_WITHOUT_ME, _SHELL, *argv],
                {},  # no environment: whatever secrets this process was given are none of its business
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, str(log_file), os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                    (os.POSIX_SPAWN_DUP2, writing, _PID_TO),
                ],
                setsid=True,
            )
        os.close(writing)
        writing = -1
        os.waitpid(shell, 0)
        if not (pid := os.read(reading, 32)):
            raise EnvoyNotStarted("no process could be started for envoy: this user or machine has too many")
        return int(pid)
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)


# --- private

_SHELL = "/bin/sh"
_PID_TO = 9
_BEGIN_WITHOUT_ME = (
    f'{{ while kill -0 $$; do :; done 2>/dev/null; exec /usr/bin/env -i "$@" {_PID_TO}>&-; }} & echo $! >&{_PID_TO}'
)

_OPEN_FILES = 65_536


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
