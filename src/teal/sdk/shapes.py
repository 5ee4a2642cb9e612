"""Checking plain data, as a YAML file holds it, against a shape: every problem is named with its file and key.

The pieces are small checkers `(value, place) -> value`; sdk/yaml_shapes.py combines them, sdk/loading.py runs them.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: its file, its key, the folder its paths start from, and the problems found so far."""

    source: str
    folder: Path
    key: str = ""
    problems: list[str] = field(default_factory=list)

    def below(self, key: str) -> "Place":
        return replace(self, key=f"{self.key}.{key}" if self.key else key)

    def resolve(self, path: str) -> str:
        """A path as it is meant here; addresses and asset ids stay as they are."""
        return path if is_address(path) else str((self.folder / Path(path).expanduser()).resolve())

    def refuse(self, message: str) -> None:
        where = f"{self.source}: {self.key}" if self.key else self.source
        self.problems.append(f"{where}: {message}")


Checker = Callable[[Any, Place], Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """An object: its keys, which of them must be there, which are accepted and left aside, and what is made of it."""

    keys: Mapping[str, Checker]
    make: Callable[..., Any]
    required: Sequence[str] = ()
    read_only: Sequence[str] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, value: Any, place: Place) -> Any:
        if not isinstance(value, Mapping):
            place.refuse(f"must be a map of keys and values, not {_kind(value)}")
            return None
        before = len(place.problems)
        checked: dict[str, Any] = {}
        unknown: list[str] = []
        for key, item in value.items():
            checker = self.keys.get(str(key))
            if checker is not None:
                if item is not None:
                    checked[self.renamed.get(key, key)] = checker(item, place.below(str(key)))
            elif key not in self.read_only and key != "$schema":
                unknown.append(str(key))
        if unknown:
            place.refuse(_describe_unknown(unknown, self.keys))
        for key in self.required:
            if value.get(key) is None:
                place.refuse(f"'{key}' is missing")
        return self.make(**checked) if len(place.problems) == before else None


def text(value: Any, place: Place) -> str | None:
    """A word; a number counts as the word it is written as."""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value)
    place.refuse(f"must be text, not {_kind(value)}")
    return None


def integer(value: Any, place: Place) -> int | None:
    """A whole number, also written as text (`--set instance_count=2`)."""
    if isinstance(value, str) and value.strip().lstrip("-").isdigit():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    place.refuse(f"must be a whole number, not {value!r}")
    return None


def number(value: Any, place: Place) -> float | None:
    """A number, also written as text."""
    try:
        if not isinstance(value, bool):
            return float(value)
    except (TypeError, ValueError):
        pass
    place.refuse(f"must be a number, not {value!r}")
    return None


def boolean(value: Any, place: Place) -> bool | None:
    """true or false."""
    words = {"true": True, "false": False, "yes": True, "no": False}
    found = value if isinstance(value, bool) else words.get(str(value).lower())
    if found is None:
        place.refuse(f"must be true or false, not {value!r}")
    return found


def one_of(*allowed: str) -> Checker:
    """One of some words, in any case and either spelling (`SystemAssigned`, `system_assigned`)."""
    by_bare = {_bare(word): word for word in allowed}

    def check(value: Any, place: Place) -> str | None:
        found = by_bare.get(_bare(str(value)))
        if found is None:
            place.refuse(f"'{value}' is not allowed{_suggest(str(value), allowed, what='values')}")
        return found

    return check


def map_of(checker: Checker) -> Checker:
    """A map from words to things of one kind."""

    def check(value: Any, place: Place) -> dict[str, Any] | None:
        if not isinstance(value, Mapping):
            place.refuse(f"must be a map of keys and values, not {_kind(value)}")
            return None
        return {str(key): checker(item, place.below(str(key))) for key, item in value.items()}

    return check


def list_of(checker: Checker) -> Checker:
    """A list of things of one kind."""

    def check(value: Any, place: Place) -> list[Any] | None:
        if not isinstance(value, list):
            place.refuse(f"must be a list, not {_kind(value)}")
            return None
        return [checker(item, place.below(str(index))) for index, item in enumerate(value)]

    return check


def scalar(value: Any, place: Place) -> Any:
    """Text, a number, or true or false."""
    if isinstance(value, (Mapping, list)):
        place.refuse(f"must be one value, not {_kind(value)}")
        return None
    return value


def anything(value: Any, _place: Place) -> Any:
    """Taken as it is."""
    return value


def text_or(shape: Checker) -> Checker:
    """A reference, or the thing itself."""

    def check(value: Any, place: Place) -> Any:
        return text(value, place) if isinstance(value, str) else shape(value, place)

    return check


def local_path(value: Any, place: Place) -> str | None:
    """A file or folder, found from the YAML file's folder; addresses and asset ids stay as they are."""
    found = text(value, place)
    return None if found is None else place.resolve(found)


def is_address(path: str) -> bool:
    """Whether it is somewhere other than on this machine's disk."""
    return path.startswith(("azureml:", "runs:/", "/subscriptions/")) or "://" in path


# --- private


def _bare(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else repr(value)


def _describe_unknown(unknown: Sequence[str], allowed: Mapping[str, Any]) -> str:
    if len(unknown) == 1:
        return f"unknown key '{unknown[0]}'{_suggest(unknown[0], allowed)}"
    words = [f"'{word}'" + (f" ({meant}?)" if (meant := _find_close(word, allowed)) else "") for word in unknown]
    return f"unknown keys {', '.join(words)}. Allowed keys: {', '.join(sorted(allowed))}"


def _find_close(word: str, allowed: Mapping[str, Any] | Sequence[str]) -> str | None:
    close = difflib.get_close_matches(word.lower(), [each.lower() for each in allowed], n=1)
    return next((each for each in allowed if close and each.lower() == close[0]), None)


def _suggest(word: str, allowed: Mapping[str, Any] | Sequence[str], what: str = "keys") -> str:
    original = _find_close(word, allowed)
    start = f"; did you mean '{original}'?" if original else "."
    return f"{start} Allowed {what}: {', '.join(sorted(allowed))}"
