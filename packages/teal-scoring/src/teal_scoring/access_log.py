"""The line of each scored request: `POST /score 200 0.403ms 375`. Filled by exchange.py, written by the event loop.

Lines are collected and written together a few times a second, because a write of its own for each would cost a
tenth of what a small request costs here. They carry the time at which their request was answered.
"""

import collections
import contextlib
import functools
import logging
import os
import sys
import time
from collections.abc import Callable

logger = logging.getLogger("azmlinfsrv")


class AccessLog:
    """`add` on any thread, `flush` on one."""

    def __init__(self, is_plain: Callable[[], bool]) -> None:
        self._is_plain = is_plain
        self._lines: collections.deque[str] = collections.deque()
        self._pid = os.getpid()

    def add(self, method: str, path: str, status: int, duration_ms: float, length: int | None) -> None:
        """`length` None: the answer was streamed."""
        shown = "N/A" if length is None else length
        now = time.time()
        second = int(now)
        self._lines.append(
            f"{_stamp(second)},{int((now - second) * 1e3):03d} I [{self._pid}] azmlinfsrv - "
            f"{method} {path} {status} {duration_ms:.3f}ms {shown}\n"
        )

    def flush(self) -> None:
        waiting = self._lines
        if not waiting:
            return
        lines = [waiting.popleft() for _ in range(len(waiting))]
        if self._is_plain():
            with contextlib.suppress(OSError, ValueError, AttributeError):  # the script has closed or replaced it
                sys.stdout.write("".join(lines))
            return
        for line in lines:  # somebody has put handlers, filters or levels of his own on the logger
            logger.info("%s", line.partition(" azmlinfsrv - ")[2].rstrip("\n"))


# --- private


@functools.lru_cache(maxsize=2)
def _stamp(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(second))
