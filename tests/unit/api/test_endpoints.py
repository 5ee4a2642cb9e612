"""Online endpoints over REST: what is kept, what is replaced, what is refused."""

import base64
import json
from typing import Any

import pytest

from teal.domain.failures import Failure
from tests.harness.bodies import build_endpoint, put_assets, put_deployment, put_endpoint
from tests.harness.rest import ENDPOINTS, WORKSPACE, RestServer

ENDPOINT = f"{ENDPOINTS}/diabetes"


async def test_a_new_endpoint_is_created_with_an_operation_to_follow(rest: RestServer) -> None:
    answer = await put_endpoint(rest.client, description="first")
    assert answer.status_code == 201
    assert answer.headers["Retry-After"] == "1"
    assert "/mfeOperationsStatus/" in answer.headers["Azure-AsyncOperation"]
    assert "/mfeOperationResults/" in answer.headers["Location"]
    body = answer.json()
    assert body["id"] == ENDPOINT
    assert body["name"] == "diabetes"
    assert body["kind"] == "Managed"
    assert body["identity"]["principalId"]
    assert body["systemData"]["createdAt"].endswith("Z")
    properties = body["properties"]
    assert properties["provisioningState"] == "Creating"
    assert properties["scoringUri"] == "http://127.0.0.1:7080/endpoints/diabetes/score"
    assert properties["swaggerUri"] == "http://127.0.0.1:7080/endpoints/diabetes/swagger.json"
    assert properties["traffic"] == {}
    assert properties["properties"]["azureml.onlineendpointid"] == ENDPOINT.lower()


async def test_an_endpoint_can_be_read_while_it_is_created(rest: RestServer) -> None:
    await put_endpoint(rest.client)
    assert (await rest.client.get(ENDPOINT)).json()["properties"]["provisioningState"] == "Creating"
    await rest.settle()
    assert (await rest.client.get(ENDPOINT)).json()["properties"]["provisioningState"] == "Succeeded"


async def test_putting_what_was_read_changes_nothing(rest: RestServer) -> None:
    await put_endpoint(rest.client, description="first")
    await rest.settle()
    before = await rest.client.get(ENDPOINT)
    said_by_client = {"createdBy": "x", "createdAt": "y", "lastModifiedAt": "z"}
    body = before.json()
    body["properties"]["properties"] |= said_by_client
    again = await rest.client.put(ENDPOINT, json=body)
    assert again.status_code == 200
    assert "Azure-AsyncOperation" not in again.headers
    assert again.json() == before.json()


async def test_a_put_replaces_all_but_keys_and_addresses(rest: RestServer) -> None:
    await put_endpoint(rest.client, description="first", publicNetworkAccess="disabled")
    await rest.settle()
    keys = (await rest.client.post(f"{ENDPOINT}/listKeys")).json()
    again = await put_endpoint(rest.client)
    assert again.status_code == 200
    assert "description" not in again.json()["properties"]
    assert again.json()["properties"]["publicNetworkAccess"] == "Enabled"
    assert (await rest.client.post(f"{ENDPOINT}/listKeys")).json() == keys


async def test_members_nobody_knows_are_kept_and_returned(rest: RestServer) -> None:
    await put_endpoint(rest.client, futureMember={"a": [1, None]}, other=3)
    body = (await rest.client.get(ENDPOINT)).json()
    assert body["properties"]["futureMember"] == {"a": [1, None]}
    patched = await rest.client.patch(ENDPOINT, json={"properties": {"other": None}})
    assert "other" not in patched.json()["properties"]
    assert patched.json()["properties"]["futureMember"] == {"a": [1, None]}


async def test_keys_in_a_body_are_neither_taken_nor_shown(rest: RestServer) -> None:
    answer = await put_endpoint(rest.client, keys={"primaryKey": "mine-mine-mine-mine"})
    assert "mine-mine" not in answer.text


async def test_odd_names_of_groups_do_no_harm(rest: RestServer) -> None:
    splitting = ENDPOINT.replace("/sub/", "/a%0d%0aSet-Cookie:%20x/")
    assert (await rest.client.put(splitting, json=build_endpoint())).status_code == 400
    odd = ENDPOINT.replace("/sub/", "/a;%20Set-Cookie:%20x%20%E2%82%AC/")
    answer = await rest.client.put(odd, json=build_endpoint())
    assert answer.status_code == 201
    assert "Set-Cookie" not in answer.headers
    assert (await rest.client.get(answer.headers["Azure-AsyncOperation"])).status_code == 200
    assert (await rest.client.get(odd)).json()["id"].startswith("/subscriptions/a; Set-Cookie: x €/")


async def test_names_are_matched_in_any_case_and_stored_lower(rest: RestServer) -> None:
    await put_endpoint(rest.client, "DiaBetes")
    path = ENDPOINTS.upper().replace("/SUB/", "/sub/").replace("/RG/", "/RG/").replace("/WS/", "/WS/")
    answer = await rest.client.get(f"{path}/DIABETES")
    assert answer.status_code == 200
    assert answer.json()["name"] == "diabetes"


async def test_a_list_holds_the_endpoints_of_its_workspace_only(rest: RestServer) -> None:
    await put_endpoint(rest.client)
    other = ENDPOINTS.replace("/ws/", "/other/")
    assert [e["name"] for e in (await rest.client.get(ENDPOINTS)).json()["value"]] == ["diabetes"]
    assert (await rest.client.get(other)).json() == {"value": []}


async def test_an_endpoint_that_is_not_there_is_not_found(rest: RestServer) -> None:
    answer = await rest.client.get(f"{ENDPOINTS}/nothing")
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error["code"] == "NotFound"
    assert "'nothing' does not exist" in error["message"]
    assert "teal online-endpoint list" in error["message"]
    assert error["details"] == []


@pytest.mark.parametrize(
    ("properties", "member"),
    [
        ({"traffic": {"blue": "90"}}, "properties.traffic.blue"),
        ({"traffic": {"blue": 1.5}}, "traffic"),
        ({"traffic": [1]}, "properties.traffic"),
        ({"description": 3}, "properties.description"),
        ({"properties": {"a": {"b": 1}}}, "properties.properties.a"),
        ({"authMode": "password"}, "auth_mode"),
    ],
)
async def test_a_wrong_type_is_refused_by_the_name_of_its_member(
    rest: RestServer, properties: dict[str, Any], member: str
) -> None:
    answer = await put_endpoint(rest.client, **properties)
    assert answer.status_code == 400
    assert answer.json()["error"]["target"] == member
    assert (await rest.client.get(ENDPOINT)).status_code == 404


NO_JSON = [b"{", b"[]", b'"x"', b"\xff", b"[" * 200_000, b'{"a": NaN}', b'{"a": -Infinity}']
NOT_TO_BE_ANSWERED = [
    b'{"properties": {"a": "\\ud800"}}',
    b'{"\\ud800": 1}',
    b'{"a": ' + b"[" * 70 + b"]" * 70 + b"}",
    b'{"a": ' + b"9" * 5000 + b"}",
]


@pytest.mark.parametrize("body", NO_JSON + NOT_TO_BE_ANSWERED)
async def test_a_body_that_is_no_json_object_is_refused(rest: RestServer, body: bytes) -> None:
    answer = await rest.client.put(ENDPOINT, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "UserError"


async def test_a_body_over_the_limit_is_refused(rest: RestServer) -> None:
    answer = await rest.client.put(ENDPOINT, content=b" " * (4 * 1024 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "RequestBodyTooLarge"


async def test_traffic_must_sum_to_0_or_100_and_a_refusal_changes_nothing(rest: RestServer) -> None:
    await put_endpoint(rest.client)
    await put_assets(rest.client)
    await put_deployment(rest.client, "blue")
    await rest.settle()
    before = (await rest.client.get(ENDPOINT)).json()
    refused = await rest.client.patch(ENDPOINT, json={"properties": {"traffic": {"blue": 90}, "description": "new"}})
    assert refused.status_code == 400
    assert "sums to 90" in refused.json()["error"]["message"]
    assert "Retry-After" not in refused.headers
    assert (await rest.client.get(ENDPOINT)).json() == before


async def test_a_patch_replaces_the_map_of_traffic_and_keeps_the_rest(rest: RestServer) -> None:
    await put_endpoint(rest.client, description="first")
    await put_assets(rest.client)
    await put_deployment(rest.client, "blue")
    await put_deployment(rest.client, "green")
    await rest.settle()
    for traffic in ({"blue": 100}, {"green": 100, "BLUE": 0}):
        answer = await rest.client.patch(ENDPOINT, json={"properties": {"traffic": traffic}})
        assert answer.status_code == 202
        assert answer.headers["Azure-AsyncOperation"]
        await rest.settle()
    properties = (await rest.client.get(ENDPOINT)).json()["properties"]
    assert properties["traffic"] == {"green": 100}
    assert properties["description"] == "first"
    mirrored = await rest.client.patch(ENDPOINT, json={"properties": {"mirrorTraffic": {"blue": 10}}})
    assert mirrored.json()["properties"]["mirrorTraffic"] == {"blue": 10}
    assert mirrored.json()["properties"]["traffic"] == {"green": 100}
    cleared = await rest.client.patch(ENDPOINT, json={"properties": {"mirrorTraffic": None}})
    assert cleared.json()["properties"]["mirrorTraffic"] == {}


async def test_a_patch_of_tags_merges_and_null_removes(rest: RestServer) -> None:
    await put_endpoint(rest.client)
    answer = await rest.client.patch(ENDPOINT, json={"tags": {"foo": None, "new": "1"}})
    assert answer.json()["tags"] == {"new": "1"}


async def test_a_patch_creates_nothing(rest: RestServer) -> None:
    answer = await rest.client.patch(ENDPOINT, json={"tags": {"a": "b"}})
    assert answer.status_code == 404


async def test_a_change_that_names_an_older_version_is_refused(rest: RestServer) -> None:
    etag = (await put_endpoint(rest.client)).headers["ETag"]
    assert (await rest.client.get(ENDPOINT)).headers["ETag"] == etag
    changed = await rest.client.put(ENDPOINT, json=build_endpoint(description="2"), headers={"If-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag
    for method, body in (("PUT", build_endpoint(description="3")), ("PATCH", {"tags": {}}), ("DELETE", None)):
        late = await rest.client.request(method, ENDPOINT, json=body, headers={"If-Match": etag})
        assert late.status_code == 412
        assert late.json()["error"]["code"] == "PreconditionFailed"
    assert (await rest.client.get(ENDPOINT)).json()["properties"]["description"] == "2"
    assert (await rest.client.delete(ENDPOINT, headers={"If-Match": "*"})).status_code == 202


async def test_an_endpoint_made_anew_has_another_etag(rest: RestServer) -> None:
    first = (await put_endpoint(rest.client)).headers["ETag"]
    await rest.client.delete(ENDPOINT)
    await rest.settle()
    rest.now += 1
    assert (await put_endpoint(rest.client)).headers["ETag"] != first


async def test_if_none_match_lets_only_a_new_endpoint_pass(rest: RestServer) -> None:
    only_new = {"If-None-Match": "*"}
    assert (await rest.client.put(ENDPOINT, json=build_endpoint(), headers=only_new)).status_code == 201
    assert (await rest.client.put(ENDPOINT, json=build_endpoint(), headers=only_new)).status_code == 412


async def test_deleting_what_is_not_there_is_no_error(rest: RestServer) -> None:
    answer = await rest.client.delete(ENDPOINT)
    assert answer.status_code == 204
    assert not answer.content


async def test_a_deleted_endpoint_is_gone_when_its_operation_is_over(rest: RestServer) -> None:
    await put_endpoint(rest.client)
    await rest.settle()
    answer = await rest.client.delete(ENDPOINT)
    assert answer.status_code == 202
    assert answer.headers["Azure-AsyncOperation"]
    assert (await rest.client.get(ENDPOINT)).json()["properties"]["provisioningState"] == "Deleting"
    await rest.settle()
    assert (await rest.client.get(ENDPOINT)).status_code == 404


async def test_regenerating_a_key_with_its_present_value_makes_a_new_one(rest: RestServer) -> None:
    await put_endpoint(rest.client)
    old = (await rest.client.post(f"{ENDPOINT}/listKeys")).json()
    answer = await rest.client.post(
        f"{ENDPOINT}/regenerateKeys", json={"keyType": "Primary", "keyValue": old["primaryKey"]}
    )
    assert answer.status_code == 202
    new = (await rest.client.post(f"{ENDPOINT}/listkeys")).json()
    assert new["primaryKey"] != old["primaryKey"]
    assert new["secondaryKey"] == old["secondaryKey"]


async def test_only_two_keys_can_be_regenerated(rest: RestServer) -> None:
    await put_endpoint(rest.client)
    answer = await rest.client.post(f"{ENDPOINT}/regenerateKeys", json={"keyType": "Tertiary"})
    assert answer.status_code == 400
    assert answer.json()["error"]["target"] == "keyType"


async def test_a_token_is_made_for_an_endpoint_that_takes_tokens(rest: RestServer) -> None:
    await put_endpoint(rest.client, authMode="aml_token")
    body = (await rest.client.post(f"{ENDPOINT}/token")).json()
    assert body["tokenType"] == "Bearer"
    assert (body["expiryTimeUtc"], body["refreshAfterTimeUtc"]) == (rest.now + 3600, rest.now + 1800)
    claims = json.loads(base64.urlsafe_b64decode(body["accessToken"].split(".")[1] + "=="))
    assert claims["aud"].startswith("diabetes@")
    refused = await rest.client.post(f"{ENDPOINT}/listKeys")
    assert refused.status_code == 400
    assert "takes tokens" in refused.json()["error"]["message"]
    renewed = await rest.client.post(f"{ENDPOINT}/regenerateKeys", json={"keyType": "Primary"})
    assert renewed.status_code == 400


async def test_no_token_is_made_where_keys_are_taken(rest: RestServer) -> None:
    await put_endpoint(rest.client)
    answer = await rest.client.post(f"{ENDPOINT}/token")
    assert answer.status_code == 400
    assert "get-credentials" in answer.json()["error"]["message"]


async def test_who_asks_for_the_token_of_an_endpoint_that_takes_their_own_is_given_it(rest: RestServer) -> None:
    await put_endpoint(rest.client, authMode="AADToken")
    body = (await rest.client.post(f"{ENDPOINT}/token")).json()
    assert rest.client.headers["Authorization"] == f"Bearer {body['accessToken']}"
    assert body["expiryTimeUtc"] == rest.now + 3600


async def test_the_answer_to_a_change_says_where_it_is_watched(rest: RestServer) -> None:
    made = await put_endpoint(rest.client, properties={"mine": "1"})
    properties = made.json()["properties"]["properties"]
    assert properties["AzureAsyncOperationUri"] == made.headers["Azure-AsyncOperation"]
    await rest.settle()
    await rest.client.put(ENDPOINT, json={**made.json(), "tags": {"new": "1"}})
    again = (await rest.client.get(ENDPOINT)).json()["properties"]["properties"]
    assert again == {"mine": "1", "azureml.onlineendpointid": properties["azureml.onlineendpointid"]}


async def test_a_kubernetes_endpoint_is_refused_with_what_is_missing(rest: RestServer) -> None:
    answer = await put_endpoint(rest.client, compute=f"{WORKSPACE}/computes/k8s")
    assert answer.status_code == 400
    assert "no Kubernetes backend" in answer.json()["error"]["message"]


async def test_a_failed_endpoint_says_why(rest: RestServer) -> None:
    await put_endpoint(rest.client)
    await rest.settle(failure=Failure(code="GatewayRefused", message="It was refused.", hint="Try again."))
    properties = (await rest.client.get(ENDPOINT)).json()["properties"]
    assert properties["provisioningState"] == "Failed"
    assert properties["provisioningError"]["code"] == "GatewayRefused"
    assert "Try again." in properties["provisioningError"]["message"]


async def test_members_beside_properties_that_nobody_knows_are_kept(rest: RestServer) -> None:
    body = {**build_endpoint(), "zone": {"a": [1]}, "id": "forged", "systemData": {"createdAt": "x"}, "kind": "Odd"}
    answer = (await rest.client.put(f"{ENDPOINTS}/diabetes", json=body)).json()
    assert answer["zone"] == {"a": [1]}
    assert answer["kind"] == "Managed"
    assert answer["id"].endswith("/onlineEndpoints/diabetes")
    await rest.settle()
    again = (await rest.client.patch(f"{ENDPOINTS}/diabetes", json={"zone": {"b": 2}})).json()
    assert again["zone"] == {"a": [1], "b": 2}
