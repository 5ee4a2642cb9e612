"""Lists in pages: nothing is lost and nothing repeated, whatever comes and goes meanwhile (spec/wire.md §2)."""

from typing import Any

import pytest

from tests.harness.bodies import put_endpoint
from tests.harness.rest import ENDPOINTS, WORKSPACE, RestServer

MODEL = {"properties": {"modelUri": "azureml://x/datastores/workspaceblobstore/paths/a"}}


async def read_pages(rest: RestServer, path: str) -> list[list[str]]:
    pages = []
    following: Any = path
    while following:
        body = (await rest.client.get(following)).json()
        pages.append([value["name"] for value in body["value"]])
        following = body.get("nextLink")
    return pages


async def test_a_list_is_read_page_by_page(rest: RestServer) -> None:
    for name in ("aaa", "bbb", "ccc", "ddd", "eee"):
        await put_endpoint(rest.client, name)
        await rest.client.put(f"{WORKSPACE}/models/{name}/versions/1", json=MODEL)
    for number in range(1, 6):
        await rest.client.put(f"{WORKSPACE}/models/m/versions/{number}", json=MODEL)
    assert await read_pages(rest, f"{ENDPOINTS}?count=2&api-version=x") == [["aaa", "bbb"], ["ccc", "ddd"], ["eee"]]
    assert await read_pages(rest, f"{ENDPOINTS}?count=5") == [["aaa", "bbb", "ccc", "ddd", "eee"]]
    assert await read_pages(rest, f"{WORKSPACE}/models?count=4") == [["aaa", "bbb", "ccc", "ddd"], ["eee", "m"]]
    assert await read_pages(rest, f"{WORKSPACE}/models/m/versions?count=2") == [["5", "4"], ["3", "2"], ["1"]]


async def test_the_first_so_many_are_not_followed_by_others(rest: RestServer) -> None:
    for number in range(1, 6):
        await rest.client.put(f"{WORKSPACE}/models/m/versions/{number}", json=MODEL)
    assert await read_pages(rest, f"{WORKSPACE}/models/m/versions?$top=1") == [["5"]]
    assert await read_pages(rest, f"{WORKSPACE}/models/m/versions?$top=3&count=2") == [["5", "4"], ["3"]]


async def test_what_goes_meanwhile_hides_nothing(rest: RestServer) -> None:
    for name in ("aaa", "bbb", "ccc"):
        await put_endpoint(rest.client, name)
    first = (await rest.client.get(f"{ENDPOINTS}?count=2")).json()
    await rest.client.delete(f"{ENDPOINTS}/bbb")
    await rest.settle()
    assert await read_pages(rest, first["nextLink"]) == [["ccc"]]


@pytest.mark.parametrize("query", ["count=x", "count=-1", "$top=1.5", "$top=99999999999999999999"])
async def test_a_number_that_is_none_is_refused(rest: RestServer, query: str) -> None:
    assert (await rest.client.get(f"{ENDPOINTS}?{query}")).status_code == 400
