"""`teal extension …`, `version`: what there is to install is installed. Used by the command table."""

import platform
from typing import Any

from knack.log import get_logger

from teal import __version__

logger = get_logger(__name__)

BUILT_IN = "ml"


def add(
    name: str | None = None,
    source: str | None = None,
    yes: bool = False,
    upgrade: bool = False,
    version: str | None = None,
) -> None:
    del yes, upgrade, version
    _say_nothing_to_do(name or source)


def update(name: str | None = None) -> None:
    _say_nothing_to_do(name)


def remove(name: str | None = None) -> None:
    _say_nothing_to_do(name)


def list_() -> Any:
    return [
        {"experimental": False, "extensionType": "built-in", "name": BUILT_IN, "preview": False, "version": __version__}
    ]


def show(name: str = BUILT_IN) -> Any:
    return {**list_()[0], "name": name}


def show_version() -> Any:
    return {"extensions": {BUILT_IN: __version__}, "python": platform.python_version(), "teal": __version__}


def upgrade(yes: bool = False, all_extensions: str | None = None) -> None:
    del yes, all_extensions
    logger.warning("Nothing is upgraded: Teal is a Python package, and pip or uv gets a newer one.")


# --- private


def _say_nothing_to_do(what: str | None) -> None:
    logger.warning("Nothing to do for '%s': the commands of `az ml` are built in.", what or BUILT_IN)
