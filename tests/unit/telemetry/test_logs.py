"""The server's own log, where there is no room for it."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from teal.telemetry.logs import configure_logging


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        with suppress(OSError):
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_once_and_not_with_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Path("/dev/full"), level="info", on_terminal=False)
    for number in range(3):
        logging.getLogger("teal.test").info("line %d", number)
    assert capsys.readouterr().err == "WARNING the log /dev/full cannot be written: No space left on device\n"
