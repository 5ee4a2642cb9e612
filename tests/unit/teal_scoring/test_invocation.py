import collections
import dataclasses
import datetime
import enum
import json
import math
from typing import Any

import numpy as np
import pytest

from teal_scoring.inputs import ScoreRequest
from teal_scoring.invocation import encode_result
from teal_scoring.raw_http import build_answer, build_request
from teal_scoring.script_api.aml_response import AMLResponse

Point = collections.namedtuple("Point", "x y")
DEEP: list[Any] = []
for _ in range(300):
    DEEP = [DEEP]


class Colour(enum.StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    "result",
    [
        "a plain string",
        "lone \ud800 surrogate",
        2**70,
        {1: "a", None: "b", False: "c", 1.5: "d"},
        Point(1, 2),
        np.float64(1.5),
        collections.OrderedDict(a=1),
        Colour.RED,
        (1, [2, {"three": None}]),
        1e300,
        DEEP,
        True,
    ],
)
def test_whatever_json_dumps_accepts_means_the_same(result: Any) -> None:
    assert json.loads(encode_result(result)) == json.loads(json.dumps(result))


def test_nan_and_infinity_are_written_as_json_dumps_writes_them() -> None:
    assert encode_result([math.nan, math.inf, -math.inf]) == b"[NaN, Infinity, -Infinity]"


def test_none_is_an_empty_object() -> None:
    assert encode_result(None) == b"{}"


def test_a_raw_query_may_hold_utf_8_that_nobody_quoted() -> None:
    request: Any = build_request(ScoreRequest("GET", "name=é", {}, b""))
    assert request.args["name"] == "é"


@pytest.mark.parametrize("status", [0, 99, 100, 1000])
def test_a_status_that_no_answer_has_is_an_error_of_the_script(status: int) -> None:
    with pytest.raises(ValueError, match="not the status of an answer"):
        build_answer(AMLResponse("x", status), 0.1, ScoreRequest("GET", "", {}, b""))


@dataclasses.dataclass
class Row:
    x: int


@pytest.mark.parametrize(
    "result",
    [
        np.array([1.0]),
        {1, 2},
        b"bytes",
        datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        Row(1),
        {(1, 2): "tuple key"},
        np.int64(1),
    ],
)
def test_what_json_dumps_refuses_is_refused(result: Any) -> None:
    with pytest.raises(TypeError):
        encode_result(result)


def test_a_circular_result_is_refused() -> None:
    circular: list[Any] = []
    circular.append(circular)
    with pytest.raises(ValueError, match="Circular"):
        encode_result(circular)
