"""The server's own log: one line an event, in a rotated file, and on the terminal what a person should see. Called by
server/run.py."""

import logging
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

MAX_BYTES = 10 * 1024 * 1024
KEPT_FILES = 4
FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s [%(process)d] %(name)s: %(message)s"


def configure_logging(log_file: Path, *, level: str, on_terminal: bool) -> None:
    """All loggers write to `log_file`; warnings go to standard error as well when a person is watching."""
    to_file = _File(log_file, maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8")
    formatter = logging.Formatter(FORMAT, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    to_file.setFormatter(formatter)
    handlers: list[logging.Handler] = [to_file]
    if on_terminal:
        to_terminal = logging.StreamHandler()
        to_terminal.setLevel(logging.WARNING)
        to_terminal.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        handlers.append(to_terminal)
    logging.basicConfig(level=logging.getLevelName(level.upper()), handlers=handlers, force=True)
    # What these say at INFO is said by our own loggers already.
    for name in ("httpx", "httpcore", "alembic", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)


# --- private


class _File(RotatingFileHandler):
    """Says once that it cannot be written to, and not a traceback for every line."""

    _is_told = False

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._is_told:
            self._is_told = True
            print(f"WARNING the log {self.baseFilename} cannot be written: {error.strerror}", file=sys.stderr)
