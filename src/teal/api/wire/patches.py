"""JSON merge patch (RFC 7396) over the ARM JSON of a stored object. Called by api/{endpoints,deployments}.py."""

from collections.abc import Mapping
from typing import Any

WHOLE = (("properties", "traffic"), ("properties", "mirrorTraffic"))
"""Maps that a patch names whole or not at all (design §6)."""


def merge_patch(stored: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """`stored` with the patch applied: null removes a member, objects merge, everything else replaces."""
    return _merge(stored, patch, ())


def merge_extra(known: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """`known` with the members that Teal does not know beside its own, all the way down; its own win."""
    merged = dict(extra)
    for key, value in known.items():
        other = extra.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            merged[key] = merge_extra(value, other)
        else:
            merged[key] = value
    return merged


# --- private


def _merge(target: Any, patch: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    merged = dict(target) if isinstance(target, Mapping) and path not in WHOLE else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            merged[key] = _merge(merged.get(key), value, (*path, key))
        else:
            merged[key] = value
    return merged
