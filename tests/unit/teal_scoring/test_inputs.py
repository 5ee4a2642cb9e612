import inspect

import pytest

from teal_scoring.inputs import BadInput, JsonStringStyle, ScoreRequest, parse_query


def style() -> JsonStringStyle:
    return JsonStringStyle(inspect.Parameter("data", inspect.Parameter.POSITIONAL_OR_KEYWORD))


def test_a_body_reaches_run_as_text() -> None:
    assert style().build_arguments(ScoreRequest("POST", "", (), "äöü".encode())) == {"data": "äöü"}


def test_a_body_that_is_not_utf_8_is_the_clients_mistake() -> None:
    with pytest.raises(BadInput, match="Input cannot be decoded as UTF-8: 'utf-8' codec"):
        style().build_arguments(ScoreRequest("POST", "", (), b"\xff\xfe"))


def test_query_parameters_reach_run_as_a_json_object() -> None:
    assert style().build_arguments(ScoreRequest("GET", "a=1&b=x", (), b"")) == {"data": '{"a": 1, "b": "x"}'}


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
    request = ScoreRequest("POST", "", (("x-request-id", "1"), ("accept", "a"), ("accept", "b")), b"")
    assert request.headers == {"X-Request-Id": "1", "Accept": "a,b"}
