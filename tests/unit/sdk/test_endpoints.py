import json
from pathlib import Path

import httpx
import pytest

from teal.entities import (
    EndpointAuthKeys,
    IdentityConfiguration,
    KubernetesOnlineEndpoint,
    ManagedIdentityConfiguration,
    ManagedOnlineEndpoint,
)
from teal.sdk import (
    ClientAuthenticationError,
    HttpResponseError,
    MLClient,
    OperationTimedOut,
    ResourceNotFoundError,
    ValidationError,
)
from tests.harness.arm import WORKSPACE, Arm, refuse


def test_an_endpoint_goes_out_whole_and_comes_back_filled_in(client: MLClient, arm: Arm) -> None:
    endpoint = ManagedOnlineEndpoint(
        name="My-Endpoint",
        description="a sample",
        auth_mode="Key",
        tags={"foo": "bar"},
        traffic={"Blue": 0, "green": 100},
        public_network_access="disabled",
    )
    made = client.begin_create_or_update(endpoint).result()
    assert arm.sent("PUT", "/onlineEndpoints/my-endpoint") == [
        {
            "location": "local",
            "tags": {"foo": "bar"},
            "identity": {"type": "SystemAssigned"},
            "properties": {
                "description": "a sample",
                "authMode": "Key",
                "properties": {},
                "traffic": {"green": 100},
                "mirrorTraffic": {},
                "publicNetworkAccess": "Disabled",
            },
        }
    ]
    assert made.scoring_uri == f"{arm.base}/endpoints/my-endpoint/score"
    assert (made.auth_mode, made.provisioning_state) == ("key", "Succeeded")


def test_a_kubernetes_endpoint_names_its_compute_and_its_identity(client: MLClient, arm: Arm) -> None:
    endpoint = KubernetesOnlineEndpoint(
        name="k8s",
        compute="azureml:cluster",
        auth_mode="aml_token",
        identity=IdentityConfiguration(
            type="user_assigned", user_assigned_identities=[ManagedIdentityConfiguration(resource_id="/ids/one")]
        ),
    )
    made = client.begin_create_or_update(endpoint).result()
    body = arm.sent("PUT", "/onlineEndpoints/k8s")[0]
    assert body["properties"]["compute"] == "azureml:cluster"
    assert body["properties"]["authMode"] == "AMLToken"
    assert body["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {"/ids/one": {}}}
    assert isinstance(made, KubernetesOnlineEndpoint)
    assert made.auth_mode == "aml_token"


def test_get_fills_in_zero_for_deployments_without_traffic(client: MLClient, arm: Arm) -> None:
    made = ManagedOnlineEndpoint(name="e", traffic={"blue": 100}, mirror_traffic={"green": 10})
    client.begin_create_or_update(made).result()
    for name in ("blue", "green", "red"):
        path = f"{WORKSPACE}/onlineEndpoints/e/deployments/{name}"
        arm.resources[path] = {"id": path, "name": name, "properties": {}}
    assert client.online_endpoints.get("e").traffic == {"blue": 100, "red": 0}


def test_a_traffic_update_mentions_traffic_and_nothing_else(client: MLClient, arm: Arm) -> None:
    client.begin_create_or_update(ManagedOnlineEndpoint(name="e", mirror_traffic={"green": 10})).result()
    updated = client.online_endpoints.begin_update("e", traffic={"blue": 100, "green": 0}).result()
    assert arm.sent("PATCH", "/onlineEndpoints/e") == [{"properties": {"traffic": {"blue": 100}}}]
    assert updated.mirror_traffic == {"green": 10}


def test_switching_the_mirror_off_sends_an_empty_map(client: MLClient, arm: Arm) -> None:
    client.begin_create_or_update(ManagedOnlineEndpoint(name="e", mirror_traffic={"green": 10})).result()
    client.online_endpoints.begin_update("e", mirror_traffic={"green": 0}).result()
    assert arm.sent("PATCH", "/onlineEndpoints/e") == [{"properties": {"mirrorTraffic": {}}}]


def test_a_change_replaces_the_traffic_map_whole(client: MLClient, arm: Arm) -> None:
    client.begin_create_or_update(ManagedOnlineEndpoint(name="e", traffic={"blue": 90, "green": 10})).result()
    before, after = client.online_endpoints.get("e"), client.online_endpoints.get("e")
    after.traffic = {"green": 100}
    client.online_endpoints.begin_change(before, after).result()
    assert arm.sent("PATCH", "/onlineEndpoints/e") == [{"properties": {"traffic": {"green": 100}}}]


def test_keys_are_read_under_their_old_name_too(client: MLClient) -> None:
    client.begin_create_or_update(ManagedOnlineEndpoint(name="e")).result()
    keys = client.online_endpoints.list_keys(name="e")
    assert isinstance(keys, EndpointAuthKeys)
    assert (keys.primary_key, keys.secondary_key, keys.access_token) == ("first-key", "second-key", "first-key")
    assert "first-key" not in repr(keys)


def test_a_token_endpoint_answers_a_token(client: MLClient) -> None:
    client.begin_create_or_update(ManagedOnlineEndpoint(name="e", auth_mode="aml_token")).result()
    assert client.online_endpoints.get_keys("e").access_token == "a-token"


def test_an_aad_endpoint_takes_the_callers_own_token(client: MLClient, arm: Arm) -> None:
    client.begin_create_or_update(ManagedOnlineEndpoint(name="e", auth_mode="aad_token")).result()
    found = client.online_endpoints.get_keys("e")
    assert (found.access_token, repr(found).count("secret")) == ("secret", 0)
    assert not [request for request in arm.requests if request.method == "POST"]


def test_regenerating_asks_for_a_new_key_without_naming_one(client: MLClient, arm: Arm) -> None:
    client.online_endpoints.begin_regenerate_keys("e", key_type="secondary").result()
    assert arm.sent("POST", "/regenerateKeys") == [{"keyType": "Secondary"}]


def test_invoke_sends_the_file_with_the_key_and_the_deployments_name(
    client: MLClient, arm: Arm, tmp_path: Path
) -> None:
    client.begin_create_or_update(ManagedOnlineEndpoint(name="e")).result()
    path = f"{WORKSPACE}/onlineEndpoints/e/deployments/green"
    arm.resources[path] = {"id": path, "name": "green", "properties": {}}
    request = tmp_path / "request.json"
    request.write_text('{"data": [[1, 2]]}')
    answer = client.online_endpoints.invoke("e", request_file=request, deployment_name="Green")
    assert json.loads(answer) == {"deployment": "green", "echo": {"data": [[1, 2]]}}
    # Each call says which deployment it wants, or nothing at all (spec/wire.md §6.1, the sticky header).
    assert json.loads(client.online_endpoints.invoke("e", input_data={"a": 1}))["deployment"] is None


def test_invoke_refuses_a_deployment_the_endpoint_has_not(client: MLClient) -> None:
    client.begin_create_or_update(ManagedOnlineEndpoint(name="e")).result()
    with pytest.raises(ResourceNotFoundError, match="has no deployment 'green'"):
        client.online_endpoints.invoke("e", input_data={}, deployment_name="green")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"error": {"code": "ModelError", "message": "bad input"}}, r"\(ModelError\) bad input"),
        ({"message": "An unexpected error occurred in scoring script."}, "An unexpected error occurred"),
        ({"detail": "own words"}, "own words"),
    ],
)
def test_invoke_says_what_the_model_said(client: MLClient, arm: Arm, body: object, says: str) -> None:
    client.begin_create_or_update(ManagedOnlineEndpoint(name="e")).result()
    arm.instead["/score"] = httpx.Response(424, json=body)
    with pytest.raises(HttpResponseError, match=says) as raised:
        client.online_endpoints.invoke("e", input_data={})
    assert raised.value.status_code == 424
    assert len(arm.sent("POST", "/score")) == 1


def test_invoke_refuses_a_file_that_is_not_json(client: MLClient, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("{")
    with pytest.raises(ValidationError, match="not valid JSON"):
        client.online_endpoints.invoke("e", request_file=tmp_path / "r.json")
    with pytest.raises(ValidationError, match="No such request file"):
        client.online_endpoints.invoke("e", request_file=tmp_path / "none.json")


def test_errors_carry_the_servers_code_and_message(client: MLClient, arm: Arm) -> None:
    arm.instead["/onlineEndpoints/e"] = refuse(400, "BadArgument", "traffic must add up to 0 or 100, not 90")
    with pytest.raises(HttpResponseError) as raised:
        client.online_endpoints.begin_update("e", traffic={"blue": 90})
    assert str(raised.value) == "(BadArgument) traffic must add up to 0 or 100, not 90"
    assert raised.value.status_code == 400


def test_a_wrong_token_says_what_to_check(arm: Arm) -> None:
    client = MLClient(url=arm.base, token="wrong", transport=arm.transport)
    with pytest.raises(ClientAuthenticationError) as raised:
        client.online_endpoints.get("e")
    assert "TEAL_TOKEN" in str(raised.value.hint)


def test_lists_follow_their_pages(client: MLClient, arm: Arm) -> None:
    second = f"{arm.base}{WORKSPACE}/page2"
    one = {"id": "/one", "name": "one", "properties": {}}
    two = {"id": "/two", "name": "two", "properties": {}}
    arm.instead["/onlineEndpoints"] = httpx.Response(200, json={"value": [one], "nextLink": second})
    arm.instead["/page2"] = httpx.Response(200, json={"value": [two]})
    assert [each.name for each in client.online_endpoints.list()] == ["one", "two"]


def test_old_names_of_delete_still_work(client: MLClient, arm: Arm) -> None:
    client.begin_create_or_update(ManagedOnlineEndpoint(name="e")).result()
    client.online_deployments.delete(name="blue", endpoint_name="e")
    client.online_endpoints.delete("e").result()
    assert not arm.resources


def test_a_result_not_there_in_time_is_its_own_outcome(client: MLClient, arm: Arm) -> None:
    arm.polls = [{"status": "InProgress"}] * 1000
    poller = client.begin_create_or_update(ManagedOnlineEndpoint(name="e"))
    with pytest.raises(OperationTimedOut, match="still InProgress"):
        poller.result(timeout=0.03)
    assert not poller.done()
