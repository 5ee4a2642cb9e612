from typing import Any

import pytest

from teal_scoring.answers import Answer
from teal_scoring.http import build_id_headers
from teal_scoring.inputs import HeaderView


class Headers(dict[str, str]):
    """What granian hands over, as far as ids are concerned."""


def ids(**headers: str) -> dict[str, str] | Answer:
    view: Any = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    seen: HeaderView = view
    found, refusal = build_id_headers(seen, lambda: "new-id")
    return dict(found) if refusal is None else refusal


def test_a_request_without_ids_gets_a_new_one() -> None:
    assert ids() == {"x-request-id": "new-id", "x-ms-request-id": "new-id"}


def test_the_clients_id_is_echoed_and_stands_for_the_legacy_one() -> None:
    assert ids(x_request_id="r", x_ms_client_request_id="c") == {
        "x-request-id": "r",
        "x-ms-request-id": "c",
        "x-ms-client-request-id": "c",
    }


def test_the_legacy_id_alone_becomes_the_clients_id_too() -> None:
    found = ids(x_ms_request_id="legacy")
    assert isinstance(found, dict)
    assert found["x-ms-client-request-id"] == found["x-ms-request-id"] == "legacy"


def test_a_trace_id_is_echoed() -> None:
    assert ids(traceid="t") == {"x-request-id": "new-id", "x-ms-request-id": "new-id", "TraceId": "t"}


@pytest.mark.parametrize("name", ["x_request_id", "x_ms_request_id", "x_ms_client_request_id"])
def test_an_id_over_100_characters_is_refused(name: str) -> None:
    assert not isinstance(ids(**{name: "x" * 100}), Answer)
    refused = ids(**{name: "x" * 101})
    assert isinstance(refused, Answer)
    assert refused.status == 431
