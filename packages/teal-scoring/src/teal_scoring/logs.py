"""What the process prints: the reference server's line format, print() as log lines, the user's `logging.json`.

Format and logger names are those of azureml-inference-server-http 1.5 so that log queries keep working. One thing
differs on purpose: INFO of the root logger is shown, because the Azure tutorials prove mirroring by `logging.info`.
"""

import builtins
import contextlib
import functools
import io
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .failures import BadSettings

logger = logging.getLogger("azmlinfsrv")

_LINE = "%(asctime)s %(levelname).1s [%(process)d] %(name)s - %(message)s"
_original_print = builtins.print


def configure_logs() -> None:
    """Called once per process, before any code of the user runs."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    handler = _StdoutHandler()
    formatter = logging.Formatter(_LINE)
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    # The root logger keeps no handler: a script's own logging.basicConfig() must still take effect, and without one
    # logging.info() prints "INFO:root:..." to stderr as it would in a plain program.
    logging.lastResort = handler
    builtins.print = _build_logging_print(logging.getLogger("azmlinfsrv.print"))


def apply_logging_file(folders: Sequence[Path]) -> None:
    """The user's `logging.json` (the form of logging.config.dictConfig) from the first of the folders that has one.
    Raises BadSettings."""
    path = next((folder / "logging.json" for folder in folders if (folder / "logging.json").is_file()), None)
    if path is None:
        return
    import logging.config  # half a megabyte and some milliseconds that few need

    try:
        logging.config.dictConfig(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, AttributeError, ImportError) as error:
        hint = "It must have the form of logging.config.dictConfig."
        raise BadSettings(f"Invalid logging config {path}: {error}", hint) from error
    logger.info("Loaded logging config from %s", path)


def writes_plainly() -> bool:
    """Whether nobody has put another handler, filter or level on the logger since `configure_logs`."""
    handlers = logger.handlers
    return (
        len(handlers) == 1
        and type(handlers[0]) is _StdoutHandler
        and not logger.filters
        and not logger.propagate
        and logger.isEnabledFor(logging.INFO)
    )


# --- private


class _StdoutHandler(logging.Handler):
    """Looks `sys.stdout` up at every line: a script may have replaced it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stdout.write(self.format(record) + "\n")
        except RecursionError:
            raise
        except Exception:  # noqa: BLE001 (the edge: what a script logs may raise anything while it is written)
            with contextlib.suppress(ValueError, AttributeError):  # stderr may be closed too
                self.handleError(record)


def _build_logging_print(target: logging.Logger) -> Callable[..., None]:
    @functools.wraps(_original_print)
    def print_to_log(
        *values: object, sep: str | None = " ", end: str | None = "\n", file: Any = None, flush: bool = False
    ) -> None:
        if file is None or file is sys.stdout:
            target.info("%s", (" " if sep is None else sep).join(map(str, values)))
        else:
            _original_print(*values, sep=sep, end=end, file=file, flush=flush)

    return print_to_log
