"""Long-running operations: what a client sees while it waits (spec/wire.md §2.1)."""

import asyncio

from teal.domain.failures import Failure
from tests.harness.bodies import put_endpoint
from tests.harness.rest import ENDPOINTS, WORKSPACE, RestServer


async def test_an_operation_is_watched_until_it_is_over(rest: RestServer) -> None:
    started = await put_endpoint(rest.client)
    status, result = started.headers["Azure-AsyncOperation"], started.headers["Location"]
    going = await rest.client.get(status)
    assert going.status_code == 200
    assert going.headers["Retry-After"] == "1"
    assert going.json()["status"] == "InProgress"
    assert going.json()["percentComplete"] == 50
    assert (await rest.client.get(result)).status_code == 202
    await rest.settle()
    over = await rest.client.get(status)
    assert "Retry-After" not in over.headers
    assert over.json()["status"] == "Succeeded"
    assert over.json()["endTime"]
    assert over.json()["id"].endswith(over.json()["name"])
    assert (await rest.client.get(result)).status_code == 204


async def test_who_prefers_to_wait_is_answered_when_it_is_over(rest: RestServer) -> None:
    started = await put_endpoint(rest.client)
    waiting = asyncio.create_task(
        rest.client.get(started.headers["Azure-AsyncOperation"], headers={"Prefer": "respond-async, wait=10"})
    )
    await asyncio.sleep(0)
    await rest.settle()
    assert (await waiting).json()["status"] == "Succeeded"


async def test_a_change_that_is_done_soon_is_told_at_the_first_look(rest: RestServer) -> None:
    started = await put_endpoint(rest.client)
    looking = asyncio.create_task(rest.client.get(started.headers["Azure-AsyncOperation"]))
    await asyncio.sleep(0)
    await rest.settle()
    assert (await looking).json()["status"] == "Succeeded"


async def test_who_has_waited_in_vain_may_ask_again_at_once(rest: RestServer) -> None:
    started = await put_endpoint(rest.client)
    answer = await rest.client.get(started.headers["Azure-AsyncOperation"], headers={"Prefer": "wait=1"})
    assert answer.json()["status"] == "InProgress"
    assert "Retry-After" not in answer.headers
    assert answer.headers["retry-after-ms"] == "10"
    assert answer.headers["Preference-Applied"] == "wait=1"


async def test_a_failed_operation_has_the_reason(rest: RestServer) -> None:
    started = await put_endpoint(rest.client)
    await rest.settle(failure=Failure(code="UserError", message="It crashed.", hint="Look at the log."))
    body = (await rest.client.get(started.headers["Azure-AsyncOperation"])).json()
    assert body["status"] == "Failed"
    assert body["error"]["code"] == "UserError"
    assert body["error"]["message"].startswith("It crashed.")
    assert "Look at the log." in body["error"]["message"]
    result = await rest.client.get(started.headers["Location"])
    assert result.status_code == 409
    assert result.json()["error"]["code"] == "UserError"


async def test_deleting_an_endpoint_cancels_what_waits_below_it(rest: RestServer) -> None:
    started = await put_endpoint(rest.client)
    deleted = await rest.client.delete(f"{ENDPOINTS}/diabetes")
    assert (await rest.client.get(started.headers["Azure-AsyncOperation"])).json()["status"] == "Canceled"
    await rest.settle()
    assert (await rest.client.get(deleted.headers["Azure-AsyncOperation"])).json()["status"] == "Succeeded"


async def test_an_operation_that_never_was_is_not_found(rest: RestServer) -> None:
    path = "/subscriptions/sub/providers/Microsoft.MachineLearningServices/locations/local/mfeOperationsStatus/none"
    assert (await rest.client.get(path)).status_code == 404


async def test_fixed_words_of_a_path_are_matched_in_any_case(rest: RestServer) -> None:
    started = await put_endpoint(rest.client)
    path = started.headers["Azure-AsyncOperation"].partition("/subscriptions/")[2]
    head, _, id = path.partition("?")[0].rpartition("/")
    assert (await rest.client.get(f"/SUBSCRIPTIONS/{head.upper()}/{id}")).status_code == 200
    assert (await rest.client.get(WORKSPACE.replace("resourceGroups", "resourcegroups"))).status_code == 200
