"""The end of a process that has run a script. Used by __main__, supervisor.py and start_watch.py."""

import atexit
import contextlib
import logging
import os
import sys
from typing import NoReturn


def leave(status: int) -> NoReturn:
    """End the process after the script's atexit functions, and without taking the interpreter apart.

    Two things would go wrong then: a thread of the script that is no daemon keeps the process for ever, and granian's
    own threads may still ask for the interpreter, which ends in an abort ("panic in a function that cannot unwind").
    """
    try:
        atexit._run_exitfuncs()
    finally:
        leave_at_once(status)


def leave_at_once(status: int) -> NoReturn:
    """The same without the script's atexit functions, while the script is still at work."""
    try:
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):  # the script has closed or replaced it
                stream.flush()
    finally:
        os._exit(status)
