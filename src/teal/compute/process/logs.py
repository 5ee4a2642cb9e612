"""An instance's two logs: tails of both, lines for the preparation; called by compute/process/instance.py.

The log of the scoring server is written by shim.py.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

_BLOCK_BYTES = 65536


def load_tail(path: Path, lines: int) -> str:
    """The last lines of a log, over its rotated predecessors `.1`, `.2`, … where it takes them."""
    if lines <= 0:
        return ""
    tail = b""
    newest_first = [path]
    while (older := path.with_name(f"{path.name}.{len(newest_first)}")).exists():
        newest_first.append(older)
    for file in newest_first:
        tail = _read_back(file, lines, tail)
        if _count_lines(tail) > lines:  # one more than asked for: the first may have begun in an older file
            break
    kept = tail.splitlines(keepends=True)[-lines:]
    return b"".join(kept).decode(errors="replace")


def append_line(path: Path, now: float, line: str) -> None:
    """One line of the preparation log, with its time."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S")
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, f"{stamp} {line}\n".encode(errors="replace"))
    finally:
        os.close(descriptor)


# --- private


def _read_back(path: Path, lines: int, tail: bytes) -> bytes:
    """Prepend blocks from the end of a file until there are enough lines."""
    try:
        with path.open("rb") as file:
            position = file.seek(0, os.SEEK_END)
            while position > 0 and _count_lines(tail) <= lines:
                size = min(_BLOCK_BYTES, position)
                position -= size
                file.seek(position)
                tail = file.read(size) + tail
    except OSError:  # gone since it was listed, or never written
        return tail
    return tail


def _count_lines(data: bytes) -> int:
    return data.count(b"\n") + (0 if not data or data.endswith(b"\n") else 1)
