"""What changed between two bodies, as a JSON merge patch (RFC 7396): null removes, what is not mentioned stays. Pure.

Used by `begin_change` of endpoints and deployments, so that an update sends only what the caller touched (design §5).
"""

from collections.abc import Mapping
from typing import Any

#: Maps the server replaces whole: a patch names all their members or none.
WHOLE = (("properties", "traffic"), ("properties", "mirrorTraffic"))


def build_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The patch that makes `after` of `before`; empty when nothing differs."""
    return _diff(before, after, ())


# --- private


def _diff(before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    patch: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if value == old:
            continue
        here = (*path, key)
        if isinstance(value, Mapping) and isinstance(old, Mapping) and here not in WHOLE:
            patch[key] = _diff(old, value, here)
        else:
            patch[key] = value
    return patch
