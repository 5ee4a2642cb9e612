"""The search language of MLflow's registry: text -> comparisons, and whether something fits them.

`name = 'm'`, `name LIKE 'm%'`, `tags.owner != 'x'`, ``tag.`a b` = 'c'``, `run_id IN ('a', 'b')`, joined by AND
(mlflow.org, "Search for registered models"). Pure; called by api/mlflow and control/registry.py.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from teal.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Comparison:
    """`key` is an attribute (`name`), or `tags` with the tag's name in `member`. `value` is a tuple for IN."""

    key: str
    member: str | None
    operator: str
    value: str | int | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    key: str
    descending: bool


def parse_filter(text: str | None, *, attributes: Mapping[str, str]) -> tuple[Comparison, ...]:
    """The comparisons in a filter. `attributes` says which keys there are, and the operators of each."""
    found: list[Comparison] = []
    rest = (text or "").strip()
    while rest:
        match = _COMPARISON.match(rest)
        if match is None:
            raise _wrong(text, f"near '{rest[:40]}'")
        found.append(_parse_comparison(match, text, attributes))
        rest = rest[match.end() :].strip()
        if not rest:
            break
        joined = _AND.match(rest)
        if joined is None:
            raise _wrong(text, f"near '{rest[:40]}': conditions are joined by AND")
        rest = rest[joined.end() :].strip()
        if not rest:
            raise _wrong(text, "at its end: a condition is missing")
    return tuple(found)


def parse_orders(texts: Iterable[str], *, keys: Iterable[str]) -> tuple[Order, ...]:
    """`name ASC`, `version_number DESC`."""
    known, found = set(keys), []
    for text in texts:
        match = _ORDER.fullmatch(text.strip())
        if match is None or match["key"].lower() not in known:
            raise InvalidInput(
                f"order_by '{text}' cannot be followed.",
                target="order_by",
                hint=f"It is one of {', '.join(sorted(known))}, with ASC or DESC behind it.",
            )
        found.append(Order(match["key"].lower(), (match["way"] or "").upper() == "DESC"))
    return tuple(found)


def fits(actual: str | int | None, comparison: Comparison) -> bool:
    """Whether one value fits one comparison; what is not there fits nothing."""
    if actual is None:
        return False
    if isinstance(actual, int) and isinstance(comparison.value, int):
        return _NUMBERS[comparison.operator](actual, comparison.value)
    text = str(actual)
    match comparison.operator:
        case "=":
            return text == str(comparison.value)
        case "!=":
            return text != str(comparison.value)
        case "IN":
            return isinstance(comparison.value, tuple) and text in comparison.value
        case "LIKE":
            return bool(_like(str(comparison.value)).fullmatch(text))
        case "ILIKE":
            return bool(_like(str(comparison.value).lower()).fullmatch(text.lower()))
    return False


# --- private

_NAME = r'(?:`[^`]+`|"[^"]+"|[\w-]+(?:\.[\w-]+)*)'
_VALUE = r"""'(?:[^']|'')*'|"[^"]*"|-?\d+"""
_COMPARISON = re.compile(
    rf"(?P<key>[A-Za-z_]+)(?:\.(?P<member>{_NAME}))?\s*"
    rf"(?P<operator>!=|<=|>=|=|<|>|\bI?LIKE\b|\bIN\b)\s*"
    rf"(?P<value>{_VALUE}|\(\s*(?:{_VALUE})(?:\s*,\s*(?:{_VALUE}))*\s*\))",
    re.IGNORECASE,
)
_AND = re.compile(r"AND\b", re.IGNORECASE)
_ORDER = re.compile(r"(?P<key>[A-Za-z_]+)(?:\s+(?P<way>ASC|DESC))?", re.IGNORECASE)
_NUMBERS: Mapping[str, Callable[[int, int], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _parse_comparison(match: re.Match[str], text: str | None, attributes: Mapping[str, str]) -> Comparison:
    key, operator = match["key"].lower(), match["operator"].upper()
    key = "tags" if key in ("tag", "tags") else key.removeprefix("attributes.")
    if key not in attributes or (key == "tags") != (match["member"] is not None):
        raise _wrong(text, f"'{match['key']}' cannot be searched by; it is one of {', '.join(sorted(attributes))}")
    if operator not in attributes[key].split():
        raise _wrong(text, f"'{key}' can be compared by {attributes[key].replace(' ', ', ')}, not by {operator}")
    member = match["member"].strip('`"') if match["member"] else None
    return Comparison(key, member, operator, _parse_value(match["value"], operator, text, attributes[key]))


def _parse_value(written: str, operator: str, text: str | None, operators: str) -> str | int | tuple[str, ...]:
    if operator == "IN":
        if not written.startswith("("):
            raise _wrong(text, "IN wants a list in brackets")
        return tuple(_unquote(value) for value in re.findall(_VALUE, written))
    if written.startswith("("):
        raise _wrong(text, f"{operator} wants one value, not a list")
    if "<" in operators.split():
        if not written.lstrip("-").isdigit():
            raise _wrong(text, f"{written} is not a number")
        return int(written)
    if written[0] not in "'\"":
        raise _wrong(text, f"the text {written} wants quotes")
    return _unquote(written)


def _unquote(written: str) -> str:
    return written[1:-1].replace("''", "'") if written[0] == "'" else written.strip('"')


def _like(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"([%_])", pattern)
    return re.compile("".join({"%": ".*", "_": "."}.get(part, re.escape(part)) for part in parts), re.DOTALL)


def _wrong(text: str | None, what: str) -> InvalidInput:
    return InvalidInput(f'The filter "{text}" cannot be read: {what}.', target="filter")
