"""Checks over REST: begun by PUT under a name of the caller's, read until they are over, ended by DELETE."""

from typing import Any

import httpx
import pytest

from tests.harness.bodies import build_deployment, put_assets
from tests.harness.rest import WORKSPACE, RestServer
from tests.harness.waiting import wait_until

CHECK = f"{WORKSPACE}/deploymentChecks/first"


@pytest.fixture(autouse=True)
async def assets(rest: RestServer) -> None:
    await put_assets(rest.client)


async def put(rest: RestServer, path: str = CHECK, **members: Any) -> httpx.Response:
    return await rest.client.put(path, json={"properties": {"deployment": build_deployment(), **members}})


async def get_ended(rest: RestServer) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    async def has_ended() -> bool:
        seen.update((await rest.client.get(CHECK)).json()["properties"])
        return bool(seen["state"] != "Running")

    await wait_until(has_ended)
    return seen


async def test_a_check_says_why_it_failed_and_keeps_the_log(rest: RestServer) -> None:
    begun = await put(rest, deploymentName="blue")
    assert begun.status_code == 201
    assert begun.json()["id"].endswith("/deploymentChecks/first")
    ended = await get_ended(rest)
    assert (ended["state"], ended["deploymentName"]) == ("Failed", "blue")
    assert ended["error"]["code"] == "NotFound"
    assert "nothing was uploaded" in ended["error"]["message"]
    assert "inference-server" in ended["log"]
    assert [step["name"] for step in ended["phases"]] == ["waiting"]
    assert "seconds" in ended["phases"][0]


async def test_the_same_name_again_is_the_same_check(rest: RestServer) -> None:
    started_at = (await put(rest)).json()["properties"]["startedAt"]
    rest.now += 5
    assert (await put(rest)).json()["properties"]["startedAt"] == started_at


async def test_nothing_of_a_check_is_left_when_delete_is_answered(rest: RestServer) -> None:
    await put(rest)
    assert (await rest.client.delete(CHECK)).status_code == 204
    assert (await rest.client.get(CHECK)).json()["properties"]["state"] in ("Canceled", "Failed")
    assert (await rest.client.delete(f"{CHECK}-of-nobody")).status_code == 204


async def test_a_check_that_nobody_began_is_not_there(rest: RestServer) -> None:
    assert (await rest.client.get(CHECK)).status_code == 404


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"request": {"body": "{}"}}, "base64"),
        ({"request": {"body": "e30=", "contentType": "text/plain\r\nx: y"}}, "media type"),
        ({"deploymentName": "b"}, "not a valid deployment name"),
        ({"deployment": build_deployment(model="azureml:nobody:1")}, "does not exist"),
    ],
)
async def test_what_is_wrong_with_a_check_is_refused_before_it_begins(
    rest: RestServer, members: dict[str, Any], told: str
) -> None:
    refused = await put(rest, **members)
    assert refused.status_code == 400
    assert told in refused.json()["error"]["message"]
    assert (await rest.client.get(CHECK)).status_code == 404


async def test_a_name_that_is_no_name_is_refused(rest: RestServer) -> None:
    assert (await put(rest, f"{CHECK}%20x")).status_code == 400
