"""What callers see of things that go wrong: one table, one body, and never a stack trace."""

import logging

import pytest

from teal.api.errors import status_of
from teal.domain import errors as domain
from teal.domain.errors import TealError
from teal.store import errors as store
from tests.harness.rest import ENDPOINTS, WORKSPACE, RestServer


def test_every_expected_error_has_a_status() -> None:
    kinds = [k for m in (domain, store) for k in vars(m).values() if isinstance(k, type) and issubclass(k, TealError)]
    assert len(kinds) >= 9
    for kind in kinds:
        assert 400 <= status_of(kind("what happened")) < 600


@pytest.mark.parametrize(("code", "status"), [("StorageFull", 507), ("StorageBusy", 503), ("StorageDamaged", 500)])
def test_the_store_says_by_code_what_to_expect(code: str, status: int) -> None:
    assert status_of(store.StoreRefused("what happened", code=code)) == status


async def test_a_wrong_path_or_method_has_the_usual_body(rest: RestServer) -> None:
    missing = await rest.client.get(f"{WORKSPACE}/pipelines/x")
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "NotFound"
    assert "Teal has workspaces, models" in missing.json()["error"]["message"]
    wrong = await rest.client.post(ENDPOINTS)
    assert wrong.status_code == 405
    assert wrong.json()["error"]["code"] == "MethodNotAllowed"


async def test_every_answer_has_a_request_id_and_the_callers_own(rest: RestServer) -> None:
    answer = await rest.client.get(WORKSPACE, headers={"x-ms-client-request-id": "mine"})
    assert answer.headers["x-ms-client-request-id"] == "mine"
    other = await rest.stranger.get(WORKSPACE)
    assert answer.headers["x-ms-request-id"] != other.headers["x-ms-request-id"]


async def test_a_defect_is_logged_once_and_told_without_its_story(
    rest: RestServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> dict[tuple[str, str], dict[str, int]]:
        raise ZeroDivisionError("the inner story")

    object.__setattr__(rest.app.state.services, "observe_requests", broken)
    from tests.harness.bodies import put_assets, put_deployment, put_endpoint

    await put_endpoint(rest.client)
    await put_assets(rest.client)
    with caplog.at_level(logging.ERROR):
        answer = await put_deployment(rest.client, "blue")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "InternalServerError"
    assert answer.headers["x-ms-request-id"] in answer.json()["error"]["message"]
    assert "inner story" not in answer.text
    told = [record for record in caplog.records if record.exc_info]
    assert len(told) == 1
    assert answer.headers["x-ms-request-id"] in told[0].getMessage()


async def test_what_the_store_cannot_do_reaches_the_caller_as_a_sentence(rest: RestServer) -> None:
    await rest.store.close()
    answer = await rest.client.get(WORKSPACE)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "StorageClosed"
