"""Bytes on disk under the name of their SHA-256: written whole or not at all, then never changed. Used by blobs.py.

Synchronous. Two writers of the same bytes make the same file, so none waits for another.
"""

import hashlib
import os
import secrets
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

READ_ONLY = 0o444


@dataclass(frozen=True, slots=True)
class StoredObject:
    """`object_id` is the SHA-256 in hex; `md5` is base64, as in a Content-MD5 header."""

    object_id: str
    size: int
    md5: str


class ObjectWriter:
    """One file on its way in: `write` the bytes, then `keep` them under a path. Leaving the `with` without `keep`
    leaves nothing behind.

    A cancelled upload is left while a thread may still be in `write`; the lock keeps that thread from writing to a
    descriptor that was closed and given to another file.
    """

    def __init__(self, temporary_folder: Path) -> None:
        self._lock = Lock()
        self._sync_lock = Lock()
        self._path = temporary_folder / secrets.token_hex(16)
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._size = 0

    def __enter__(self) -> Self:
        descriptor = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        self._file = open(descriptor, "wb", buffering=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock, self._sync_lock:
            self._file.close()
            self._path.unlink(missing_ok=True)

    @property
    def stored(self) -> StoredObject:
        """What was written so far."""
        return StoredObject(self._sha256.hexdigest(), self._size, b64encode(self._md5.digest()).decode())

    def write(self, data: bytes | bytearray | memoryview) -> None:
        with self._lock:
            self._sha256.update(data)
            self._md5.update(data)
            self._size += len(data)
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]

    def sync(self) -> None:
        """Bring to the disk what was written so far, while more is written: at the end there is less to wait for."""
        with self._sync_lock:
            if not self._file.closed:
                os.fsync(self._file.fileno())

    def keep(self, path: Path) -> None:
        """Make the bytes durable and read-only at `path`. A file that is there already is replaced."""
        with self._lock:
            os.fchmod(self._file.fileno(), READ_ONLY)
            os.fsync(self._file.fileno())
            _make_folder(path.parent)
            self._path.rename(path)
            sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the entries of a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- private


def _make_folder(path: Path) -> None:
    if not path.is_dir():
        path.mkdir(mode=0o700, exist_ok=True)
        sync_folder(path.parent)
