"""The boot report: what phase this process is in, for whoever started it. Written by worker.py and supervisor.py.

A file named by TEAL_SCORING_REPORT, replaced as a whole at every change, so that a reader never sees half of one.
"""

import contextlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .failures import BootFailed, format_user_traceback

IMPORTING = "importing"
INITIALISING = "initialising"
READY = "ready"
FAILED = "failed"

Report = dict[str, Any]
Publish = Callable[[Report], None]

logger = logging.getLogger("azmlinfsrv")


class BootReport:
    """Collects phases and hands the whole report to `publish` after each change."""

    def __init__(self, publish: Publish, now: Callable[[], float]) -> None:
        self._publish = publish
        self._now = now
        self._phases: list[dict[str, Any]] = []

    def begin(self, phase: str) -> None:
        self._add(phase, error=None)

    def fail(self, failure: BootFailed, traceback: str = "") -> None:
        """`traceback`: where it was, for a failure that has no exception as its cause."""
        self.fail_with(build_error(failure, traceback))

    def fail_with(self, error: Report) -> None:
        self._add(FAILED, error)

    def _add(self, phase: str, error: Report | None) -> None:
        self._phases.append({"name": phase, "started_at": self._now()})
        self._publish({"phase": phase, "phases": list(self._phases), "error": error})


def build_error(failure: BootFailed, traceback: str = "") -> Report:
    cause = failure.__cause__
    return {
        "code": failure.code,
        "message": str(failure),
        "traceback": format_user_traceback(cause) if cause is not None else traceback,
        "hint": failure.hint,
    }


def publish_to_file(path: Path) -> Publish:
    """Replace `path` by write and rename. A report that cannot be written is a warning: serving matters more."""

    def publish(report: Report) -> None:
        scratch = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            scratch.write_text(json.dumps(report), encoding="utf-8")
            scratch.replace(path)
        except OSError as error:
            logger.warning("The boot report %s cannot be written: %s", path, error)
            with contextlib.suppress(OSError):
                scratch.unlink()

    return publish


def publish_nowhere(report: Report) -> None:
    """For a server nobody watches: run by hand."""
