"""Where captured records go: a local file or a unix socket. Constructed by worker.py, used by capture.py's thread."""

import contextlib
import logging
import os
import socket
import time
from pathlib import Path
from typing import Protocol

SOCKET_TIMEOUT_S = 1.0
RECONNECT_S = 1.0

logger = logging.getLogger("azmlinfsrv")


class Sink(Protocol):
    def write(self, lines: bytes) -> bool:
        """Whether the lines have been taken; otherwise they are lost."""

    def close(self) -> None: ...


def open_sink(target: str, max_file_bytes: int) -> Sink:
    """`unix:PATH` is a socket that somebody listens on; anything else a file to append to."""
    if target.startswith("unix:"):
        return SocketSink(target.removeprefix("unix:"))
    return FileSink(Path(target.removeprefix("file:")), max_file_bytes)


class FileSink:
    """Appends. A file that has reached its size is renamed to `NAME.1` (and the one before it is gone). Several workers
    may write to one file: each batch is one write at the file's end."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._descriptor: int | None = None
        self._has_complained = False

    def write(self, lines: bytes) -> bool:
        try:
            descriptor = self._current()
            while lines:
                lines = lines[os.write(descriptor, lines) :]
        except OSError as error:
            if not self._has_complained:
                logger.warning("Captured records cannot be written to %s: %s", self._path, error)
            self._has_complained = True
            self.close()
            return False
        self._has_complained = False
        return True

    def close(self) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None

    # --- private

    def _current(self) -> int:
        if self._descriptor is not None:
            seen = os.fstat(self._descriptor)
            if seen.st_size >= self._max_bytes and self._is_at_path(seen):
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            if not self._is_at_path(seen):  # renamed, by us or by another worker
                self.close()
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o600)
        return self._descriptor

    def _is_at_path(self, seen: os.stat_result) -> bool:
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == (seen.st_dev, seen.st_ino)


class SocketSink:
    """A stream of lines. While nobody listens, or the listener does not keep up, records are lost. A connection that
    broke in the middle of a line is closed, so that the next one begins with a whole line."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._not_before = 0.0

    def write(self, lines: bytes) -> bool:
        try:
            if self._socket is None and not self._connect():
                return False
            assert self._socket is not None
            self._socket.sendall(lines)
        except OSError as error:
            logger.warning("Captured records cannot be sent to %s: %s", self._path, error)
            self.close()
            return False
        return True

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # --- private

    def _connect(self) -> bool:
        now = time.monotonic()
        if now < self._not_before:
            return False
        self._not_before = now + RECONNECT_S
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(SOCKET_TIMEOUT_S)
        try:
            connection.connect(self._path)
        except OSError:
            connection.close()
            raise
        self._socket = connection
        return True
