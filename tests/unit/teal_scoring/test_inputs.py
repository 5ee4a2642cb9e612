import inspect
from collections.abc import Iterable
from typing import Any

import pytest

from teal_scoring.inputs import BadInput, JsonStringStyle, ScoreRequest, parse_query


class Received(list[tuple[str, str]]):
    """Headers as granian hands them over."""

    def get(self, name: str, default: Any = None) -> Any:
        return next((value for key, value in self if key == name), default)

    def items(self) -> Iterable[tuple[str, str]]:
        return self


def style() -> JsonStringStyle:
    return JsonStringStyle(inspect.Parameter("data", inspect.Parameter.POSITIONAL_OR_KEYWORD))


def test_a_body_reaches_run_as_text() -> None:
    assert style().build_arguments(ScoreRequest("POST", "", Received(), "äöü".encode())) == {"data": "äöü"}


def test_a_body_that_is_not_utf_8_is_the_clients_mistake() -> None:
    with pytest.raises(BadInput, match="Input cannot be decoded as UTF-8: 'utf-8' codec"):
        style().build_arguments(ScoreRequest("POST", "", Received(), b"\xff\xfe"))


def test_query_parameters_reach_run_as_a_json_object() -> None:
    assert style().build_arguments(ScoreRequest("GET", "a=1&b=x", Received(), b"")) == {"data": '{"a": 1, "b": "x"}'}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {}),
        ("a=1&b=%5B1,2%5D&c=a&d=null", {"a": 1, "b": [1, 2], "c": "a", "d": None}),
        ("foo=bar1&foo=bar2&x=y", {"foo": ["bar1", "bar2"], "x": "y"}),
        ("empty=&plus=a+b", {"empty": "", "plus": "a b"}),
    ],
)
def test_query_values_are_json_where_they_parse_and_lists_where_repeated(query: str, expected: object) -> None:
    assert parse_query(query) == expected


def test_header_names_are_spelled_as_flask_spells_them() -> None:
    received: Any = Received([("x-request-id", "1"), ("accept", "a"), ("accept", "b")])
    request = ScoreRequest("POST", "", received, b"")
    assert request.headers == {"X-Request-Id": "1", "Accept": "a,b"}
