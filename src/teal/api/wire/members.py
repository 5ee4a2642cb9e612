"""Reading a JSON object of a request member by member, with the member's name in every refusal. Called by api/wire."""

import json
import re
from collections.abc import Mapping
from typing import Any

from teal.domain.errors import InvalidInput

MAX_DURATION_S = 366 * 24 * 3600.0


class Members:
    """A JSON object that is being read. Absent and null are the same (`spec/wire.md` §2); `rest` is what is left."""

    def __init__(self, value: object, where: str = "") -> None:
        if not isinstance(value, Mapping):
            raise InvalidInput(
                f"{where or 'The body'} must be a JSON object, not {_kind(value)}.", target=where or None
            )
        self._members: dict[str, Any] = {k: v for k, v in value.items() if v is not None}
        self._read: set[str] = set()
        self._nested: dict[str, Members] = {}
        self._where = where

    def text(self, name: str) -> str | None:
        value = self._take(name)
        if value is None or isinstance(value, str):
            return value
        raise self._wrong(name, "text", value)

    def flag(self, name: str, default: bool) -> bool:
        value = self._take(name)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        raise self._wrong(name, "true or false", value)

    def whole(self, name: str, default: int) -> int:
        value = self._take(name)
        if value is None:
            return default
        return self._whole(name, value)

    def duration_s(self, name: str, default: float) -> float:
        """Seconds of an ISO 8601 duration such as `PT2S` or `PT0.5S`."""
        value = self._take(name)
        if value is None:
            return default
        if isinstance(value, str) and (seconds := parse_duration_s(value)) is not None:
            return seconds
        raise self._wrong(name, "an ISO 8601 duration such as 'PT5S'", value)

    def texts(self, name: str) -> dict[str, str]:
        """A map of words; entries of null are left out. Stock clients send `{"N": 3, "B": true}` as it stands, and the
        service keeps words: so does this."""
        entries = self.nested(name)
        return {key: entries._word(key, entries._take(key)) for key in list(entries._members)}

    def numbers(self, name: str) -> dict[str, int | float]:
        entries = self.nested(name)
        return {key: entries._number(key, entries._take(key)) for key in list(entries._members)}

    def mapping(self, name: str) -> dict[str, Any] | None:
        """A nested object kept as it is."""
        value = self._take(name)
        if value is None or isinstance(value, Mapping):
            return None if value is None else dict(value)
        raise self._wrong(name, "an object", value)

    def array(self, name: str) -> list[Any]:
        """A list kept as it is; empty when absent."""
        value = self._take(name)
        if value is None or isinstance(value, list):
            return list(value or ())
        raise self._wrong(name, "a list", value)

    def nested(self, name: str) -> "Members":
        """A nested object to be read in the same way; empty when absent."""
        value = self._take(name)
        nested = Members({} if value is None else value, self._path(name))
        self._nested[name] = nested
        return nested

    def drop(self, *names: str) -> None:
        """These are known and not kept: the server says them, not the client."""
        self._read.update(names)

    def rest(self) -> dict[str, Any]:
        """Members that were not read, here and in nested objects."""
        unread = {key: value for key, value in self._members.items() if key not in self._read}
        return unread | {key: left for key, nested in self._nested.items() if (left := nested.rest())}

    # --- private

    def _take(self, name: str) -> Any:
        self._read.add(name)
        return self._members.get(name)

    def _whole(self, name: str, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, float) and value.is_integer():
            return int(value)
        raise self._wrong(name, "a whole number", value)

    def _number(self, name: str, value: object) -> int | float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return int(value) if isinstance(value, float) and value.is_integer() else value
        raise self._wrong(name, "a number", value)

    def _word(self, name: str, value: object) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, bool | int | float):
            return json.dumps(value)
        raise self._wrong(name, "text", value)

    def _path(self, name: str) -> str:
        return f"{self._where}.{name}" if self._where else name

    def _wrong(self, name: str, wanted: str, value: object) -> InvalidInput:
        path = self._path(name)
        return InvalidInput(f"{path} must be {wanted}, not {_kind(value)}.", target=path)


def parse_duration_s(text: str) -> float | None:
    """`PT1M30S` -> 90.0; None when it is not a duration."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        return None
    days, hours, minutes, seconds = (float(part) if part else 0.0 for part in match.groups())
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    return total if total <= MAX_DURATION_S else None


def format_duration(seconds: float) -> str:
    """5.0 -> `PT5S`, 0.1 -> `PT0.1S`."""
    return f"PT{seconds:.3f}".rstrip("0").rstrip(".") + "S"


# --- private

_DURATION = re.compile(r"P(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case str():
            return f"'{value}'" if len(value) <= 40 else "text"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"{value}"
        case list():
            return "a list"
        case _:
            return "an object"
