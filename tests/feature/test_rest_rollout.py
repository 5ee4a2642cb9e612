"""A rollout by nothing but HTTP: what somebody with curl, the token and the documentation can do."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.harness.teal import TealServer, teal_server
from tests.harness.waiting import wait_until_sync

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
ENDPOINT = f"{WORKSPACE}/onlineEndpoints/adder"
BLOCK_BLOB = {"x-ms-blob-type": "BlockBlob"}

SCORE = """\
import json
import os


def init():
    global offset
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "offset.json")) as stream:
        offset = json.load(stream)
    print("offset", offset)


def run(raw_data):
    return offset + json.loads(raw_data)["x"]
"""


class Rest:
    """Sends what the tests say, and waits for what was accepted."""

    def __init__(self, client: httpx.Client, gateway: httpx.Client) -> None:
        self.client = client
        self.gateway = gateway

    def must(self, method: str, path: str, body: object = None) -> Any:
        """A request that has to be accepted; its operation, if it has one, is waited for."""
        answer = self.client.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
        status = self.wait(answer)
        assert status["status"] == "Succeeded", status
        return answer.json() if answer.content else None

    def wait(self, answer: httpx.Response) -> Any:
        """How the operation of an accepted change ended."""
        if "Azure-AsyncOperation" not in answer.headers:
            return {"status": "Succeeded"}

        def look() -> Any:
            headers = {"Prefer": "wait=5"}
            status = self.client.get(answer.headers["Azure-AsyncOperation"], headers=headers).json()
            return status if status["status"] in ("Succeeded", "Failed", "Canceled") else None

        return wait_until_sync(look, 120)

    def put_model(self, name: str, offset: int) -> str:
        """A model of one file; its id."""
        sas = self.must("POST", f"{WORKSPACE}/datastores/workspaceblobstore/listSecrets", {})["sasToken"]
        store = self.must("GET", f"{WORKSPACE}/datastores/workspaceblobstore")["properties"]
        url = f"https://{store['accountName']}.blob.{store['endpoint']}/{store['containerName']}/{name}/offset.json"
        assert self.client.put(f"{url}?{sas}", content=json.dumps(offset), headers=BLOCK_BLOB).status_code == 201
        uri = f"azureml://{WORKSPACE[1:]}/datastores/workspaceblobstore/paths/{name}/offset.json"
        body = {"properties": {"modelType": "custom_model", "modelUri": uri}}
        return str(self.must("PUT", f"{WORKSPACE}/models/{name}/versions/1", body)["id"])

    def put_code(self, name: str, script: str) -> str:
        path = f"{WORKSPACE}/codes/{name}/versions/1"
        reference = self.must("POST", f"{path}/startPendingUpload", {})["blobReferenceForConsumption"]
        url, _, sas = reference["credential"]["sasUri"].partition("?")
        assert self.client.put(f"{url}/src/score.py?{sas}", content=script, headers=BLOCK_BLOB).status_code == 201
        return str(self.must("PUT", path, {"properties": {"codeUri": f"{reference['blobUri']}/src"}})["id"])

    def build_deployment(self, model: str, code: str) -> dict[str, Any]:
        return {
            "properties": {
                "model": model,
                "codeConfiguration": {"codeId": code, "scoringScript": "score.py"},
                "environmentId": f"{WORKSPACE}/environments/plain/versions/1",
                "instanceType": "Standard_DS3_v2",
                "endpointComputeType": "Managed",
            },
            "sku": {"name": "Default", "capacity": 1},
        }

    def call(self, key: str, deployment: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"}
        if deployment:
            headers["azureml-model-deployment"] = deployment
        return self.gateway.post("/endpoints/adder/score", json={"x": 1}, headers=headers)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TealServer]:
    with teal_server(tmp_path_factory.mktemp("rest")) as server:
        server.up()
        yield server


@pytest.fixture(scope="module")
def rest(server: TealServer) -> Iterator[Rest]:
    """Blue in service with all traffic, green beside it."""
    with server.client() as client, httpx.Client(base_url=server.said["gateway_url"], trust_env=False) as gateway:
        client.timeout = httpx.Timeout(60)
        rest = Rest(client, gateway)
        plain = {"properties": {"image": "python:3.11", "condaFile": "dependencies:\n- python=3.11\n- pip\n"}}
        rest.must("PUT", f"{WORKSPACE}/environments/plain/versions/1", plain)
        rest.must("PUT", ENDPOINT, {"properties": {"authMode": "Key"}})
        code = rest.put_code("code", SCORE)
        for name, offset in (("blue", 10), ("green", 20)):
            body = rest.build_deployment(rest.put_model(name, offset), code)
            rest.must("PUT", f"{ENDPOINT}/deployments/{name}", body)
        rest.must("PATCH", ENDPOINT, {"properties": {"traffic": {"blue": 100}}})
        yield rest
        rest.must("DELETE", ENDPOINT)
        assert client.get(ENDPOINT).status_code == 404


@pytest.fixture
def keys(rest: Rest) -> dict[str, str]:
    found: dict[str, str] = rest.must("POST", f"{ENDPOINT}/listKeys")
    return found


def test_requests_follow_the_traffic(rest: Rest, keys: dict[str, str]) -> None:
    key = keys["primaryKey"]
    assert rest.call(key).json() == 11
    assert rest.call(key, "green").json() == 21
    rest.must("PATCH", ENDPOINT, {"properties": {"traffic": {"green": 100}}})
    answer = rest.call(key)
    assert (answer.json(), answer.headers["azureml-model-deployment"]) == (21, "green")
    rest.must("PATCH", ENDPOINT, {"properties": {"traffic": {"blue": 100}}})
    assert rest.call(key).json() == 11


def test_requests_are_counted_where_they_went(rest: Rest, keys: dict[str, str]) -> None:
    def count(deployment: str) -> int:
        observed = rest.must("GET", f"{ENDPOINT}/deployments/{deployment}")["properties"]["observed"]
        return int(observed.get("requests", {"live": -1})["live"])

    # Counts are up to a second old: once this one is in them, so is everything before it.
    wait_until_sync(lambda: count("blue") >= 0)
    known = count("blue")
    rest.call(keys["primaryKey"])
    wait_until_sync(lambda: count("blue") > known)
    before = count("blue"), count("green")
    for _ in range(5):
        rest.call(keys["primaryKey"])
    wait_until_sync(lambda: (count("blue"), count("green")) == (before[0] + 5, before[1]))


def test_a_new_key_replaces_the_old_one_and_leaves_the_other(rest: Rest, keys: dict[str, str]) -> None:
    body = {"keyType": "Primary", "keyValue": keys["primaryKey"]}
    rest.must("POST", f"{ENDPOINT}/regenerateKeys", body)
    fresh = rest.must("POST", f"{ENDPOINT}/listKeys")
    assert rest.call(keys["primaryKey"]).status_code == 401
    assert rest.call(keys["secondaryKey"]).status_code == 200
    assert rest.call(fresh["primaryKey"]).status_code == 200


def test_a_deployment_that_fails_says_why_and_keeps_what_it_wrote(rest: Rest, keys: dict[str, str]) -> None:
    code = rest.put_code("broken", 'print("before it broke", flush=True)\nimport no_such_module\n')
    path = f"{ENDPOINT}/deployments/red"
    status = rest.wait(rest.client.put(path, json=rest.build_deployment(f"{WORKSPACE}/models/blue/versions/1", code)))
    assert status["status"] == "Failed"
    assert status["error"]["code"] == "UserScriptImportError"
    assert "no_such_module" in status["error"]["message"]
    properties = rest.must("GET", path)["properties"]
    assert properties["provisioningState"] == "Failed"
    assert properties["provisioningError"]["code"] == "UserScriptImportError"
    assert "before it broke" in rest.must("POST", f"{path}/getLogs", {"tail": 50})["content"]
    assert "Python 3" in rest.must("POST", f"{path}/getLogs", {"containerType": "StorageInitializer"})["content"]
    refused = rest.client.patch(ENDPOINT, json={"properties": {"traffic": {"red": 100}}})
    assert refused.status_code == 400
    assert rest.call(keys["secondaryKey"]).json() == 11
    rest.must("DELETE", path)


def test_an_update_that_fails_leaves_the_old_revision_serving(rest: Rest, keys: dict[str, str]) -> None:
    code = rest.put_code("raising", "def init():\n    raise ValueError('not today')\n\n\ndef run(x):\n    pass\n")
    path = f"{ENDPOINT}/deployments/green"
    before = rest.must("GET", path)["properties"]
    changed = rest.client.patch(path, json={"properties": {"codeConfiguration": {"codeId": code}}})
    status = rest.wait(changed)
    assert status["error"]["code"] == "UserScriptInitFailed"
    assert "not today" in status["error"]["message"]
    after = rest.must("GET", path)["properties"]
    assert after["provisioningState"] == "Failed"
    assert after["observed"]["servingRevision"] == before["observed"]["revision"] != after["observed"]["revision"]
    assert rest.call(keys["secondaryKey"], "green").json() == 21
    good = {"properties": {"codeConfiguration": before["codeConfiguration"]}}
    rest.must("PATCH", path, good)
    assert rest.must("GET", path)["properties"]["provisioningState"] == "Succeeded"


def test_more_instances_are_in_service_when_the_operation_is_over(rest: Rest) -> None:
    path = f"{ENDPOINT}/deployments/green"
    rest.must("PATCH", path, {"sku": {"capacity": 2}})
    observed = rest.must("GET", path)["properties"]["observed"]
    assert [i["state"] for i in observed["instances"]] == ["routable", "routable"]
    rest.must("PATCH", path, {"sku": {"capacity": 1}})
