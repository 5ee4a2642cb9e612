"""`teal configure`, `config`: what commands mean when they do not say. Used by the command table."""

from typing import Any

from knack.log import get_logger
from knack.util import CLIError

from teal.cli.configuration import LOCATION, load_values, save_defaults, save_values
from teal.cli.pairs import parse_pairs
from teal.sdk.scopes import config_path, load_names

logger = get_logger(__name__)

#: Where a value comes from that nobody has set.
NOT_SET = "default"
KNOWN_DEFAULTS = ("workspace", "group", "location", "subscription")


def configure(defaults: list[str] | None = None, list_defaults: bool = False, scope: str | None = None) -> Any:
    del scope
    if list_defaults:
        return _defaults(load_values())
    given = parse_pairs(defaults, "--defaults")
    if not given:
        raise CLIError("Nothing to set. Give --defaults KEY=VALUE, or --list-defaults.")
    for key in sorted(set(given) - set(KNOWN_DEFAULTS)):
        logger.warning("'%s' is kept, but no command reads it. Read are: %s.", key, ", ".join(KNOWN_DEFAULTS))
    save_defaults(given)
    return None


def get(key: str | None = None) -> Any:
    values = load_values()
    entries = {section: _entries(found) for section, found in values.items()} | {"defaults": _defaults(values)}
    if key is None:
        return dict(sorted(entries.items()))
    section, dot, name = key.partition(".")
    if not dot:
        if section not in entries:
            raise CLIError(f"Nothing is set in the section '{section}'. There is: {', '.join(sorted(entries))}.")
        return entries[section]
    for entry in entries.get(section, []):
        if entry["name"] == name:
            return entry
    raise CLIError(f"'{key}' is not set. `teal config set {key}=VALUE` sets it.")


def set_(key_value: list[str]) -> None:
    for section, name, value in [_parse(word) for word in key_value]:
        save_values(section, {name: value})


def unset(key: list[str]) -> None:
    for word in key:
        section, dot, name = word.partition(".")
        if not dot or not name:
            raise CLIError(f"config unset takes SECTION.NAME, not '{word}'.")
        save_values(section, {name: ""})


# --- private


def _parse(word: str) -> tuple[str, str, str]:
    key, equals, value = word.partition("=")
    section, dot, name = key.partition(".")
    if not equals or not dot or not section or not name:
        raise CLIError(f"config set takes SECTION.NAME=VALUE, as in defaults.group=my-group, not '{word}'.")
    return section, name, value


def _defaults(values: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    """What is set, and what commands go by where nothing is: published scripts read group and workspace here."""
    names = load_names()
    effective = {"group": names["group"], "location": LOCATION, "workspace": names["workspace"]}
    unset = {name: value for name, value in effective.items() if name not in values.get("defaults", {})}
    found = _entries(values.get("defaults", {})) + [
        {"name": name, "source": NOT_SET, "value": value} for name, value in unset.items()
    ]
    return sorted(found, key=lambda entry: entry["name"])


def _entries(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "source": _source(), "value": value} for name, value in sorted(values.items())]


def _source() -> str:
    return str(config_path())
