"""What differs between two states of one thing, as lines a person reads. Pure; used by `teal apply`."""

from collections.abc import Iterator, Mapping
from typing import Any


def list_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """`instance_count: 1 -> 2`, one line a value, keys with dots; what only one of them has stands alone."""
    return [_format(key, old, new) for key, old, new in _walk(before, after, "")]


def merge_maps(before: Mapping[str, Any], wanted: Mapping[str, Any], whole: frozenset[str]) -> dict[str, Any]:
    """`before` with what is wanted laid over it, map by map; maps named in `whole`, and lists, are replaced."""
    merged = dict(before)
    for key, value in wanted.items():
        old = merged.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping) and key not in whole:
            merged[key] = merge_maps(old, value, whole)
        else:
            merged[key] = value
    return merged


# --- private

_NOTHING = object()


def _walk(before: Mapping[str, Any], after: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any, Any]]:
    for key in sorted({*before, *after}):
        old, new = before.get(key, _NOTHING), after.get(key, _NOTHING)
        name = f"{above}{key}"
        if isinstance(old, Mapping) or isinstance(new, Mapping):
            yield from _walk(_as_map(old), _as_map(new), f"{name}.")
            if isinstance(old, Mapping) and isinstance(new, Mapping):
                continue
            old, new = (_NOTHING if isinstance(each, Mapping) else each for each in (old, new))
        if old != new:
            yield name, old, new


def _as_map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _format(key: str, old: Any, new: Any) -> str:
    if old is _NOTHING:
        return f"{key}: {_word(new)}"
    if new is _NOTHING:
        return f"{key}: {_word(old)} -> (gone)"
    return f"{key}: {_word(old)} -> {_word(new)}"


def _word(value: Any) -> str:
    return '""' if value == "" else str(value)
