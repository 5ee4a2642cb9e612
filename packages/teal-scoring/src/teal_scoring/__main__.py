"""`teal-score --entry_script score.py --model_dir DIR --port N`, or `python -m teal_scoring …`: runs a score.py.

Exit status: 0 stopped as asked, 1 bad arguments, 3 the server did not come up (the statuses of the reference server).
"""

import sys

if __name__ == "__main__" and sys.path and not getattr(sys.flags, "safe_path", False):
    # `python -m` puts the current folder first, where a json.py of the user would hide the library's.
    del sys.path[0]

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .banner import format_banner
from .failures import BadArguments, BootFailed, format_user_traceback
from .leaving import leave
from .logs import configure_logs
from .report import BootReport, Publish, publish_nowhere, publish_to_file
from .script_environment import apply_variables
from .settings import parse_settings
from .supervisor import BOOT_FAILED_STATUS, run_workers

BAD_ARGUMENTS_STATUS = 1

logger = logging.getLogger("azmlinfsrv")


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run until stopped, and leave the process."""
    configure_logs()
    leave(_serve(sys.argv[1:] if argv is None else argv))


# --- private


def _serve(argv: Sequence[str]) -> int:
    path = os.environ.get("TEAL_SCORING_REPORT")
    publish = publish_to_file(Path(path)) if path else publish_nowhere
    report = BootReport(publish, time.time)
    try:
        settings = parse_settings(argv, os.environ, Path.cwd())
        apply_variables(settings, os.environ)
        sys.stdout.write(format_banner(settings))
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

    if settings.worker_count == 1 and path:
        return run_one(publish)  # whoever reads the report watches the process, and starts it again
    return run_workers(settings, report, run_one)


def _fail(failure: BootFailed, report: BootReport) -> int:
    report.fail(failure)
    traceback = "" if failure.__cause__ is None else format_user_traceback(failure.__cause__)
    text = f"{traceback}{failure.code}: {failure}\n{failure.hint}".rstrip()
    if logger.isEnabledFor(logging.ERROR) and logger.hasHandlers():
        logger.error("%s", text)
    else:  # by the script's doing, or that of its logging.json
        sys.stderr.write(f"{text}\n")
    return BAD_ARGUMENTS_STATUS if isinstance(failure, BadArguments) else BOOT_FAILED_STATUS


if __name__ == "__main__":
    main()
