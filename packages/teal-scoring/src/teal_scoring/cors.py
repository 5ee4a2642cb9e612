"""CORS headers for the origins that AML_CORS_ORIGINS lists, as flask-cors gives them in the reference server. Used by
http.py."""

import re
from collections.abc import Sequence

from .failures import BadSettings
from .inputs import HeaderView

METHODS = ("GET", "POST")
_MAKES_A_PATTERN = re.compile(r"[*\\\]?$^\[()]")


class Cors:
    """An origin is allowed if it is one of the listed ones, in any case, or matches one that is a regular expression;
    `*` is all of them. Raises BadSettings for an expression that is none."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._names = sorted(origin for origin in origins if not _MAKES_A_PATTERN.search(origin))
        self._folded = frozenset(name.lower() for name in self._names)
        self._patterns = [_compile(origin) for origin in origins if _MAKES_A_PATTERN.search(origin)]
        self._allows_all = "*" in origins
        self._varies = len(origins) > 1 or bool(self._patterns)

    def build_headers(self, headers: HeaderView, *, is_preflight: bool) -> list[tuple[str, str]]:
        """What an answer carries; nothing for an origin that is not allowed."""
        allowed = self._allow(headers.get("origin"))
        if allowed is None:
            return []
        out = [("access-control-allow-origin", allowed)]
        asked_method = headers.get("access-control-request-method")
        if is_preflight and asked_method is not None and asked_method.upper() in METHODS:
            asked = headers.get("access-control-request-headers")
            if asked:
                out.append(
                    ("access-control-allow-headers", ", ".join(sorted(name.strip() for name in asked.split(","))))
                )
            out.append(("access-control-allow-methods", ", ".join(METHODS)))
        if self._varies and allowed != "*":
            out.append(("vary", "Origin"))
        return out

    # --- private

    def _allow(self, origin: str | None) -> str | None:
        if origin:
            is_allowed = origin.lower() in self._folded or any(pattern.match(origin) for pattern in self._patterns)
            return origin if is_allowed else None
        if self._allows_all:
            return "*"
        return self._names[0] if self._names else None


def _compile(origin: str) -> re.Pattern[str]:
    try:
        return re.compile(".*" if origin == "*" else origin, re.IGNORECASE)
    except re.error as error:
        raise BadSettings(f"AML_CORS_ORIGINS holds {origin!r}, which is no regular expression: {error}") from error
