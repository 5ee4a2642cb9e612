"""Workspaces, subscriptions and the datastore over REST (spec/wire.md §3.1-3.2)."""

from pathlib import Path

from tests.harness.bodies import put_assets, put_endpoint
from tests.harness.rest import WORKSPACE, RestServer, running_rest

LIST = WORKSPACE.rpartition("/")[0]


async def test_a_workspace_is_made_when_it_is_named_for_the_first_time(rest: RestServer) -> None:
    answer = await rest.client.get(WORKSPACE)
    body = answer.json()
    assert answer.status_code == 200
    assert (body["id"], body["name"], body["location"], body["kind"]) == (WORKSPACE, "ws", "local", "Default")
    assert body["properties"]["mlFlowTrackingUri"].startswith("azureml://127.0.0.1:")
    assert body["properties"]["workspaceId"]
    again = await rest.client.get(WORKSPACE.replace("/ws", "/WS"))
    assert again.json()["properties"]["workspaceId"] == body["properties"]["workspaceId"]


async def test_where_workspaces_are_made_by_hand_an_unknown_one_is_not_found(tmp_path: Path) -> None:
    async with running_rest(tmp_path, create_workspaces=False) as rest:
        missing = await rest.client.get(f"{WORKSPACE}/onlineEndpoints")
        assert missing.status_code == 404
        message = missing.json()["error"]["message"]
        assert "'ws' does not exist" in message
        assert "teal workspace create --name ws --resource-group rg" in message
        assert (await rest.client.put(WORKSPACE, json={"location": "local"})).status_code == 201
        assert (await rest.client.put(WORKSPACE, json={})).status_code == 200
        assert (await rest.client.get(f"{WORKSPACE}/onlineEndpoints")).status_code == 200


async def test_a_workspace_is_where_it_is_said_to_be(rest: RestServer) -> None:
    made = await rest.client.put(WORKSPACE, json={"location": "eastus", "tags": {"a": "b"}})
    assert (made.status_code, made.json()["location"]) == (201, "eastus")
    assert (await rest.client.put(WORKSPACE, json={"tags": {}})).json()["location"] == "eastus"
    assert (await rest.client.patch(WORKSPACE, json={"location": "westus"})).json()["location"] == "westus"
    assert (await rest.client.get(WORKSPACE)).json()["location"] == "westus"
    assert (await rest.client.put(WORKSPACE, json={"location": 1})).status_code == 400


async def test_workspaces_are_listed_by_group_and_by_subscription(rest: RestServer) -> None:
    for path in (WORKSPACE, WORKSPACE.replace("/rg/", "/other/"), WORKSPACE.replace("/sub/", "/second/")):
        await rest.client.get(path)
    in_group = (await rest.client.get(LIST)).json()["value"]
    assert [w["id"] for w in in_group] == [WORKSPACE]
    in_subscription = await rest.client.get(LIST.replace("/resourceGroups/rg", ""))
    assert len(in_subscription.json()["value"]) == 2
    subscriptions = (await rest.client.get("/subscriptions")).json()["value"]
    assert [s["subscriptionId"] for s in subscriptions] == ["second", "sub"]


async def test_the_datastore_leads_stock_clients_to_this_server(rest: RestServer) -> None:
    listed = await rest.client.get(f"{WORKSPACE}/datastores?count=30&isDefault=true&orderByAsc=false")
    one = (await rest.client.get(f"{WORKSPACE}/datastores/workspaceblobstore")).json()
    assert listed.json()["value"] == [one]
    properties = one["properties"]
    url = f"https://{properties['accountName']}.blob.{properties['endpoint']}/{properties['containerName']}/a"
    assert (await rest.client.put(url, content=b"1", headers={"x-ms-blob-type": "BlockBlob"})).status_code == 201
    assert (await rest.client.get(f"{WORKSPACE}/datastores/other")).status_code == 404
    secrets = f"{WORKSPACE}/datastores/workspaceblobstore/listSecrets"
    assert (await rest.client.post(secrets, json={"expireAfterHours": 0})).status_code == 400


async def test_a_gateway_that_listens_everywhere_is_called_as_this_server_is(rest: RestServer) -> None:
    object.__setattr__(rest.app.state.services, "gateway_url", "http://0.0.0.0:7080")
    answer = await rest.client.put(f"{WORKSPACE}/onlineEndpoints/one", json={}, headers={"Host": "models.example:7443"})
    assert answer.json()["properties"]["scoringUri"] == "http://models.example:7080/endpoints/one/score"


async def test_a_workspace_keeps_what_is_written_on_it(rest: RestServer) -> None:
    body = {"tags": {"team": "a"}, "properties": {"friendlyName": "The one", "description": "d", "odd": {"x": 1}}}
    made = await rest.client.put(WORKSPACE, json=body)
    assert made.status_code == 201
    assert made.json()["tags"] == {"team": "a"}
    assert made.json()["properties"]["odd"] == {"x": 1}
    changed = await rest.client.patch(WORKSPACE, json={"tags": {"team": None, "n": "1"}, "properties": {"odd": None}})
    assert changed.json()["tags"] == {"n": "1"}
    assert changed.json()["properties"]["friendlyName"] == "The one"
    assert "odd" not in (await rest.client.get(WORKSPACE)).json()["properties"]
    assert (await rest.client.put(WORKSPACE, json={"tags": {"a": []}})).status_code == 400


async def test_a_workspace_is_deleted_with_its_assets_but_not_with_endpoints(tmp_path: Path) -> None:
    async with running_rest(tmp_path, create_workspaces=False) as rest:
        await rest.client.put(WORKSPACE, json={})
        await put_assets(rest.client)
        await put_endpoint(rest.client)
        refused = await rest.client.delete(WORKSPACE)
        assert refused.status_code == 409
        assert "'diabetes'" in refused.json()["error"]["message"]
        await rest.client.delete(f"{WORKSPACE}/onlineEndpoints/diabetes")
        await rest.settle()
        assert (await rest.client.delete(WORKSPACE)).status_code == 200
        assert (await rest.client.get(WORKSPACE)).status_code == 404
        assert (await rest.client.delete(WORKSPACE)).status_code == 204
        await rest.client.put(WORKSPACE, json={})
        assert (await rest.client.get(f"{WORKSPACE}/models")).json() == {"value": []}


async def test_a_workspace_has_a_name_that_can_be_shown(rest: RestServer) -> None:
    for name in ("%20", "a%0ab", "x" * 300, "%00"):
        path = WORKSPACE.replace("/workspaces/ws", f"/workspaces/{name}")
        assert (await rest.client.get(path)).status_code == 400, name
        assert (await rest.client.put(path, json={})).status_code == 400, name


async def test_there_are_no_computes(rest: RestServer) -> None:
    assert (await rest.client.get(f"{WORKSPACE}/computes")).json() == {"value": []}
    assert (await rest.client.get(f"{WORKSPACE}/computes/k8s")).status_code == 404
