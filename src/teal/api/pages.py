"""Lists in pages (`spec/wire.md` §2): how many values an answer has, and the address of those that follow.

A page begins behind the last value of the one before, not at a number, so that what comes and goes meanwhile neither
repeats a value nor hides one. Called by the handlers that answer lists.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from teal.api.calls import Call
from teal.api.wire.resources import format_list
from teal.domain.errors import InvalidInput

T = TypeVar("T")

MAX_PAGE = 1000


def answer_page(
    call: Call, values: Sequence[T], format_: Callable[[T], Mapping[str, Any]], *, key: Callable[[T], str]
) -> dict[str, Any]:
    """The page that the query asks for: at most `count` values behind `$skip`, or the first `$top` and no more.
    `values` have ascending keys."""
    top, count = _parse_number(call, "$top"), _parse_number(call, "count")
    behind = call.request.query_params.get("$skip", "")
    rest = [value for value in values if key(value) > behind] if behind else values
    limit = min([MAX_PAGE, *(number for number in (top, count) if number is not None)])
    page = rest[:limit]
    body = format_list(format_(value) for value in page)
    if len(rest) > len(page) > 0 and (top is None or top > len(page)):
        body["nextLink"] = _build_next(call, key(page[-1]), None if top is None else top - len(page))
    return body


def format_descending(number: int) -> str:
    """A key that is the greater the smaller the number."""
    return f"{_LARGE - number:020d}"


# --- private

_LARGE = 10**18


def _build_next(call: Call, behind: str, top: int | None) -> str:
    query: Iterable[tuple[str, str]] = [
        (name, value) for name, value in call.request.query_params.multi_items() if name not in ("$skip", "$top")
    ]
    more = [("$skip", behind), *([("$top", str(top))] if top is not None else [])]
    return f"{call.base_url}{call.path}?{urlencode([*query, *more])}"


def _parse_number(call: Call, name: str) -> int | None:
    text = call.request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise InvalidInput(f"{name} must be a whole number, not '{text[:40]}'.", target=name)
    return int(text)
