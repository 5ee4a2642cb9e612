"""`teal-score --entry_script score.py --model_dir DIR --port N`, or `python -m teal_scoring …`: runs a score.py.

Exit status: 0 stopped as asked, 1 bad arguments, 3 the server did not come up (the statuses of the reference server).
"""

import sys

if __name__ == "__main__" and sys.path and not getattr(sys.flags, "safe_path", False):
    # `python -m` puts the current folder first, where a json.py of the user would hide the library's.
    del sys.path[0]

import atexit
import contextlib
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .failures import BadArguments, BootFailed, format_user_traceback
from .logs import configure_logs
from .report import BootReport, Publish, publish_nowhere, publish_to_file
from .settings import parse_settings
from .supervisor import BOOT_FAILED_STATUS, run_workers

BAD_ARGUMENTS_STATUS = 1


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run until stopped, and leave the process."""
    configure_logs()
    _leave(_serve(sys.argv[1:] if argv is None else argv))


# --- private


def _serve(argv: Sequence[str]) -> int:
    path = os.environ.get("TEAL_SCORING_REPORT")
    publish = publish_to_file(Path(path)) if path else publish_nowhere
    report = BootReport(publish, time.time)
    try:
        settings = parse_settings(argv, os.environ, Path.cwd())
        from .server import open_listener

        ports = [settings.port, settings.health_port]
        listeners = [open_listener(settings.host, port) for port in ports if port is not None]
    except BootFailed as failure:
        return _fail(failure, report)

    def run_one(publish_one: Publish) -> int:
        from .worker import run_worker

        one = BootReport(publish_one, time.time)
        try:
            return run_worker(settings, listeners, one)
        except BootFailed as failure:
            return _fail(failure, one)

    if settings.worker_count == 1:
        return run_one(publish)
    return run_workers(settings, report, run_one)


def _fail(failure: BootFailed, report: BootReport) -> int:
    report.fail(failure)
    if failure.__cause__ is not None:
        sys.stderr.write(format_user_traceback(failure.__cause__))
    sys.stderr.write(f"{failure.code}: {failure}\n")
    if failure.hint:
        sys.stderr.write(f"{failure.hint}\n")
    return BAD_ARGUMENTS_STATUS if isinstance(failure, BadArguments) else BOOT_FAILED_STATUS


def _leave(status: int) -> NoReturn:
    """End the process after the script's atexit functions, and without taking the interpreter apart.

    Two things would go wrong then: a thread of the script that is no daemon keeps the process for ever, and granian's
    own threads may still ask for the interpreter, which ends in an abort ("panic in a function that cannot unwind").
    """
    atexit._run_exitfuncs()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
