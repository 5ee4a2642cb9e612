"""Who may come in: the token on every route but the metadata document, its own secret for identity, signed blobs."""

import pytest
from starlette.routing import Route

from tests.harness.rest import TOKEN, WORKSPACE, RestServer

OPEN = {"/metadata/endpoints"}


async def test_every_route_but_the_metadata_document_asks_for_a_credential(rest: RestServer) -> None:
    routes = [(r.path, method) for r in rest.app.routes if isinstance(r, Route) for method in r.methods or ()]
    assert len(routes) > 45
    for path, method in routes:
        url = path.replace("{path:path}", "azureml/x").replace("{", "").replace("}", "")
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
            answer = await rest.stranger.request(method, url, headers=headers)
            assert answer.status_code == (200 if path in OPEN else 401), f"{method} {path} {headers}"


async def test_a_refusal_is_json_and_says_where_the_token_is(rest: RestServer) -> None:
    answer = await rest.stranger.get(WORKSPACE)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "Unauthenticated"
    assert "token" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "status"), [("/nothing", 404), ("/subscriptions/a/nothing", 404), ("/docs", 404), ("/openapi.json", 200)]
)
async def test_strangers_do_not_learn_what_exists(rest: RestServer, path: str, status: int) -> None:
    assert (await rest.stranger.get(path)).status_code == 401
    assert (await rest.client.get(path)).status_code == status


async def test_the_metadata_document_speaks_of_the_address_it_was_asked_at(rest: RestServer) -> None:
    answer = await rest.stranger.get("/metadata/endpoints?api-version=2019-05-01")
    cloud = answer.json()[0]
    assert cloud["resourceManager"] == f"{rest.client.base_url}/".replace("//127", "//127")
    assert set(cloud) == {"name", "portal", "resourceManager", "authentication", "suffixes"}
    other = await rest.stranger.get("/metadata/endpoints", headers={"Host": "localhost:1"})
    assert other.json()[0]["resourceManager"] == "https://localhost:1/"
    odd = await rest.stranger.get("/metadata/endpoints", headers={"Host": 'x"/evil'})
    assert odd.json()[0]["resourceManager"] == cloud["resourceManager"]


async def test_the_identity_endpoint_hands_the_token_to_who_has_it(rest: RestServer) -> None:
    url = "/msi/token?api-version=2019-08-01&resource=https://here"
    answer = await rest.stranger.get(url, headers={"X-IDENTITY-HEADER": TOKEN})
    body = answer.json()
    assert body["access_token"] == TOKEN
    assert int(body["expires_on"]) > rest.now
    assert body["resource"] == "https://here"
    assert body["token_type"] == "Bearer"
    assert (await rest.stranger.get(url, headers={"X-IDENTITY-HEADER": "wrong"})).status_code == 401
