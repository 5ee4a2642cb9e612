"""Small steps the translations in this folder share: leaving out what is not set, reading what may be absent."""

from collections.abc import Iterable, Mapping
from typing import Any


def without_none(**members: Any) -> dict[str, Any]:
    """The members that are set."""
    return {key: value for key, value in members.items() if value is not None}


def build_texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Maps of words on the wire hold only text: a YAML `WORKER_COUNT: 2` is sent as "2", `true` as "true"."""
    return {str(key): _text(value) for key, value in values.items() if value is not None}


def as_map(value: Any) -> dict[str, Any]:
    """The object, or an empty one where it is null or absent."""
    return dict(value) if isinstance(value, Mapping) else {}


def snake_keys(value: Any) -> Any:
    """`inFlight` → `in_flight`, all the way down."""
    if isinstance(value, Mapping):
        return {snake(str(key)): snake_keys(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return [snake_keys(item) for item in value]
    return value


def snake(word: str) -> str:
    """`SystemAssigned` → `system_assigned`."""
    parts = [f"_{letter.lower()}" if letter.isupper() else letter for letter in word]
    return "".join(parts).lstrip("_")


def pascal(word: str) -> str:
    """`system_assigned` → `SystemAssigned`; a word already written so stays."""
    return "".join(part[:1].upper() + part[1:] for part in word.split("_"))


def creation_context(resource: Mapping[str, Any]) -> dict[str, Any] | None:
    """Who made it, and when, from `systemData`."""
    data = as_map(resource.get("systemData"))
    return {snake(key): value for key, value in data.items()} or None


# --- private


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
