"""The limit on how long import and init() may take. Used by worker.py.

Of two limits the shorter counts: WORKER_TIMEOUT, as in the reference server, and what a deployment's probes allow.
"""

import contextlib
import sys
import threading
import traceback
from types import TracebackType

from .failures import StartTimedOut
from .leaving import leave_at_once
from .report import BootReport
from .settings import Settings

BOOT_FAILED_STATUS = 3
_RAISE_VARIABLE = "set the environment variable WORKER_TIMEOUT (seconds)"
_RAISE_PROBE = "raise initial_delay or failure_threshold of the deployment's liveness_probe"


class StartWatch:
    """Around the main thread's start. When the time is over the process reports where it hangs, and ends."""

    def __init__(self, settings: Settings, report: BootReport) -> None:
        limits = [(settings.worker_timeout_s, _RAISE_VARIABLE), (settings.start_limit_s, _RAISE_PROBE)]
        self._timeout_s, self._hint = min([limit for limit in limits if limit[0]], default=(0.0, ""))
        self._report = report
        self._main = threading.get_ident()
        self._timer = threading.Timer(self._timeout_s, self._give_up) if self._timeout_s else None

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
            f"The traceback shows where it was. Load less, or {self._hint}.",
        )
        self._report.fail(failure, stack)
        with contextlib.suppress(OSError, ValueError, AttributeError):  # the script has closed or replaced it
            sys.stderr.write(f"{stack}{failure.code}: {failure}\n{failure.hint}\n")
        leave_at_once(BOOT_FAILED_STATUS)
