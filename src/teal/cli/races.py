"""Two people changing one thing: what was read in between is read again. Used by the `update` commands and `apply`."""

from collections.abc import Callable
from typing import TypeVar

from knack.util import CLIError

from teal.sdk.errors import ResourceModifiedError

T = TypeVar("T")

ATTEMPTS = 4


def retry_when_modified(read_and_change: Callable[[], T]) -> T:
    """Do it again, reading included, while the server says that somebody else was faster (If-Match, 412)."""
    for _ in range(ATTEMPTS - 1):
        try:
            return read_and_change()
        except ResourceModifiedError:
            continue
    return read_and_change()


def build_refusal(message: str, hint: str | None) -> CLIError:
    """An error with what the client library knows besides, such as that the first answer was lost."""
    refusal = CLIError(message)
    refusal.hint = hint
    return refusal
