"""Why a scoring server did not come up. Raised while booting, written to the boot report, printed for people.

BootFailed
├── BadSettings              an argument or environment variable makes no sense
│   └── BadArguments
├── PortTaken                somebody else listens on the port
├── DebuggerMissing          AZUREML_DEBUG_PORT is set and debugpy is not installed
├── StartTimedOut            import and init() took longer than they may
└── UserScriptError          see user_script.py
"""

import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

_OWN_FOLDER = str(Path(__file__).parent)


class BootFailed(Exception):
    """What happened (`str`), and what to do about it (`hint`). The class name is the stable code."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def code(self) -> str:
        return type(self).__name__


class BadSettings(BootFailed):
    pass


class BadArguments(BadSettings):
    """Of the command line, which the reference server answers with another exit status."""


class PortTaken(BootFailed):
    pass


class DebuggerMissing(BootFailed):
    pass


class StartTimedOut(BootFailed):
    pass


def format_user_traceback(error: BaseException) -> str:
    """The traceback of what the user's code raised, without the frames of this server and of the import machinery."""
    for link in _chain(error):
        link.__traceback__ = _skip_foreign_frames(link.__traceback__)
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


def describe_error(error: BaseException) -> str:
    """`ValueError: text`, also of an exception that cannot say what it is."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 (the edge: an exception of the user may raise while it is described)
        text = "<exception str() failed>"
    return f"{name}: {text}" if text else name


# --- private


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__context__ if link.__cause__ is None else link.__cause__


def _skip_foreign_frames(tb: TracebackType | None) -> TracebackType | None:
    first = tb
    while tb is not None:
        filename = tb.tb_frame.f_code.co_filename
        if not filename.startswith((_OWN_FOLDER, "<frozen importlib")):
            return tb
        tb = tb.tb_next
    return first if first is None or first.tb_frame.f_code.co_filename.startswith("<frozen") else None
