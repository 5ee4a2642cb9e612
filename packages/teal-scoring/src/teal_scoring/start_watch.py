"""The limit on how long import and init() may take (WORKER_TIMEOUT, as in the reference server). Used by worker.py."""

import logging
import os
import sys
import threading
import traceback
from types import TracebackType

from .failures import StartTimedOut
from .report import BootReport

BOOT_FAILED_STATUS = 3


class StartWatch:
    """Around the main thread's start. When the time is over the process reports where it hangs, and ends."""

    def __init__(self, timeout_s: float, report: BootReport) -> None:
        self._timeout_s = timeout_s
        self._report = report
        self._main = threading.get_ident()
        self._timer = threading.Timer(timeout_s, self._give_up) if timeout_s else None

    def __enter__(self) -> None:
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    # --- private

    def _give_up(self) -> None:
        frame = sys._current_frames().get(self._main)
        stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
        failure = StartTimedOut(
            f"import and init() of the scoring script took longer than {self._timeout_s:g} s",
            "The traceback shows where it was. Load less, or set the environment variable WORKER_TIMEOUT (seconds).",
        )
        self._report.fail(failure, stack)
        sys.stderr.write(f"{stack}{failure.code}: {failure}\n{failure.hint}\n")
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(BOOT_FAILED_STATUS)
