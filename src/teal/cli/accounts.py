"""`teal account`, `configure`, `version`: what commands mean when they do not say. Used by the command table."""

import platform
from typing import Any

from knack.log import get_logger
from knack.util import CLIError

from teal import __version__
from teal.cli.configuration import save_defaults
from teal.cli.pairs import parse_pairs
from teal.sdk.scopes import load_defaults, load_scope

logger = get_logger(__name__)

KNOWN_DEFAULTS = ("workspace", "group", "location", "subscription")


def set_(subscription: str) -> None:
    save_defaults({"subscription": subscription})


def show() -> Any:
    scope = load_scope()
    return {
        "environmentName": "Teal",
        "id": scope.subscription,
        "isDefault": True,
        "name": "Teal",
        "state": "Enabled",
    }


def configure(defaults: list[str] | None = None, list_defaults: bool = False) -> Any:
    if list_defaults:
        return [{"name": key, "value": value} for key, value in sorted(load_defaults().items())]
    given = parse_pairs(defaults, "--defaults")
    if not given:
        raise CLIError("Nothing to set. Give --defaults KEY=VALUE, or --list-defaults.")
    for key in sorted(set(given) - set(KNOWN_DEFAULTS)):
        logger.warning("'%s' is kept, but no command reads it. Read are: %s.", key, ", ".join(KNOWN_DEFAULTS))
    save_defaults(given)
    return None


def version() -> Any:
    return {"python": platform.python_version(), "teal": __version__}
