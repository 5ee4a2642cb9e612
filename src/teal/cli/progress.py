"""Waiting for the server: at a terminal one line says what it is doing and for how long; in a pipe, nothing."""

import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

from knack.log import get_logger
from knack.util import CLIError

from teal.sdk.errors import OperationFailed
from teal.sdk.pollers import LROPoller

logger = get_logger(__name__)
T = TypeVar("T")

LOOK_EVERY_S = 1.0


class Interrupted(CLIError):  # type: ignore[misc]
    """Ctrl-C while waiting, with what is told instead of a result."""

    status = 130


def finish(
    poller: LROPoller[T],
    *,
    doing: str,
    ask_later: str,
    observe_phase: Callable[[], str] | None = None,
    failed_hint: str | None = None,
) -> T:
    """Wait and return what came of it. `doing` is "creating blue"; `ask_later` the command that tells how far it is."""
    try:
        if sys.stderr.isatty() and not poller.done():
            _watch(poller, doing, observe_phase)
        return poller.result()
    except OperationFailed as error:
        error.hint = error.hint or failed_hint
        raise
    except KeyboardInterrupt:
        raise Interrupted(
            f"No longer waiting; the server goes on {doing}. `{ask_later}` tells how far it is."
        ) from None


def leave(what: str, ask_later: str) -> None:
    """What --no-wait says instead of waiting."""
    logger.warning("%s has been asked for. `%s` tells how far it is.", what, ask_later)


def describe(doing: str, phase: str, elapsed_s: float) -> str:
    """`creating blue: building environment 12 s`."""
    return f"{doing}: {phase} {elapsed_s:.0f} s" if phase else f"{doing}: {elapsed_s:.0f} s"


def phase_of(deployment: Any) -> str:
    """What a deployment is busy with, in words."""
    observed = deployment.observed or {}
    return str(observed.get("phase") or deployment.provisioning_state or "").replace("_", " ").lower()


# --- private


def _watch(poller: LROPoller[Any], doing: str, observe_phase: Callable[[], str] | None) -> None:
    from rich.console import Console

    started = phase_since = time.monotonic()
    phase = ""
    with Console(stderr=True).status(describe(doing, phase, 0.0)) as line:
        while not poller.done():
            now = time.monotonic()
            seen = observe_phase() if observe_phase is not None else ""
            if seen != phase:
                phase, phase_since = seen, now
            line.update(describe(doing, phase, now - (phase_since if phase else started)))
            poller.wait(LOOK_EVERY_S)
