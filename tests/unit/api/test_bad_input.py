"""What people with bad luck or bad intentions send: a sentence, a 4xx, and nothing has changed."""

import json
from typing import Any

import pytest

from tests.harness.bodies import build_deployment, put_assets, put_endpoint
from tests.harness.rest import ENDPOINTS, WORKSPACE, RestServer

MODEL = f"{WORKSPACE}/models/m/versions/1"


async def list_everything(rest: RestServer) -> list[Any]:
    paths = (f"{WORKSPACE}/{kind}?listViewType=All" for kind in ("models", "environments", "codes", "data"))
    return [(await rest.client.get(path)).json() for path in (*paths, ENDPOINTS)]


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        (MODEL, b"[" * 100_000, 400),
        (MODEL, b'{"a":' * 5_000 + b"1" + b"}" * 5_000, 400),
        (MODEL, b'{"properties": {"modelUri": "\\ud800"}}', 400),
        (MODEL, b'{"properties": {"modelUri": 1e999}}', 400),
        (MODEL, b'{"properties": {"modelUri": NaN}}', 400),
        (MODEL, b"\xff\xfe", 400),
        (MODEL, b'"text"', 400),
        (MODEL, b'{"properties": []}', 400),
        (MODEL, b'{"properties": {"modelUri": "u", "tags": {"a": {}}}}', 400),
        (f"{WORKSPACE}/models/{'m' * 300}/versions/1", b'{"properties": {"modelUri": "u"}}', 400),
        (f"{WORKSPACE}/models/..%2f..%2fetc/versions/1", b'{"properties": {"modelUri": "u"}}', 404),
        (f"{WORKSPACE}/models/%2e%2e/versions/1", b'{"properties": {"modelUri": "u"}}', 400),
        (f"{WORKSPACE}/models/m%00/versions/1", b'{"properties": {"modelUri": "u"}}', 400),
        (f"{WORKSPACE}/models/mö/versions/1", b'{"properties": {"modelUri": "u"}}', 400),
        (f"{ENDPOINTS}/a b", b"{}", 400),
        (f"{ENDPOINTS}/ab", b"{}", 400),
        (f"{ENDPOINTS}/{'a' * 33}", b"{}", 400),
        (f"{ENDPOINTS}/abc", b'{"properties": {"traffic": {"blue": 1e400}}}', 400),
        (f"{ENDPOINTS}/abc", b'{"properties": {"traffic": {"blue": 99999999999999999999999}}}', 400),
        (f"{ENDPOINTS}/abc", b'{"properties": {"traffic": [100]}}', 400),
        (f"{ENDPOINTS}/abc", b'{"properties": {"authMode": {}}}', 400),
        (f"{ENDPOINTS}/abc", b'{"tags": {"a": "' + b"x" * 65_536 + b'"}}', 400),
        (f"{ENDPOINTS}/abc", b'{"properties": {"description": "' + b"x" * 65_537 + b'"}}', 400),
    ],
)  # fmt: skip
async def test_a_wrong_body_or_name_is_refused_with_a_sentence(
    rest: RestServer, path: str, content: bytes, status: int
) -> None:
    before = await list_everything(rest)
    answer = await rest.client.put(path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]
    assert await list_everything(rest) == before


async def test_ten_megabytes_of_yaml_are_too_much(rest: RestServer) -> None:
    path = f"{WORKSPACE}/environments/e/versions/1"
    for size, status in ((10 * 1024 * 1024, 413), (1024 * 1024, 400)):
        body = json.dumps({"properties": {"image": "i", "condaFile": "- numpy\n" * (size // 8)}})
        answer = await rest.client.put(path, content=body)
        assert answer.status_code == status, answer.text
        assert str(len("- numpy\n" * (size // 8))) in answer.text or "larger than" in answer.text
    assert (await rest.client.get(path)).status_code == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"instanceType": 5},
        {"codeConfiguration": "score.py"},
        {"codeConfiguration": {"codeId": "no id"}},
        {"model": "azureml:absent:1"},
        {"environmentId": "azureml:absent@latest"},
        {"requestSettings": {"requestTimeout": "5 seconds"}},
        {"requestSettings": {"requestTimeout": "PT999999999999999999H"}},
        {"requestSettings": {"maxConcurrentRequestsPerInstance": -1}},
        {"livenessProbe": {"period": "PT0S"}},
        {"livenessProbe": {"failureThreshold": 10**30}},
        {"environmentVariables": {"A=B": "1"}},
        {"environmentVariables": {"A\x00": "1"}},
        {"environmentVariables": {"A": "\x00"}},
        {"environmentVariables": {"A": "${{keyvaultref:https://v.vault.azure.net/secrets/s}}"}},
        {"scaleSettings": {"scaleType": "TargetUtilization"}},
        {"endpointComputeType": "Kubernetes"},
        {"properties": {f"p{number}": "x" * 100 for number in range(1000)}},
    ],
)
async def test_a_deployment_that_cannot_be_is_refused_before_it_is_stored(
    rest: RestServer, changes: dict[str, Any]
) -> None:
    await put_assets(rest.client)
    await put_endpoint(rest.client)
    path = f"{ENDPOINTS}/diabetes/deployments/blue"
    answer = await rest.client.put(path, json=build_deployment(**changes))
    assert answer.status_code == 400, answer.text
    assert (await rest.client.get(path)).status_code == 404


@pytest.mark.parametrize("capacity", [0, -1, 1001, 10**20, 1.5, "1", True])
async def test_absurd_instance_counts_are_refused(rest: RestServer, capacity: Any) -> None:
    await put_assets(rest.client)
    await put_endpoint(rest.client)
    answer = await rest.client.put(f"{ENDPOINTS}/diabetes/deployments/blue", json=build_deployment(capacity=capacity))
    assert answer.status_code == 400, answer.text


async def test_a_name_in_other_case_is_the_same_object(rest: RestServer) -> None:
    await put_endpoint(rest.client, "diabetes")
    await rest.settle()
    assert (await put_endpoint(rest.client, "DIABETES", description="d")).status_code == 200
    assert len((await rest.client.get(ENDPOINTS)).json()["value"]) == 1


async def test_a_model_whose_name_differs_only_in_case_is_refused(rest: RestServer) -> None:
    body = {"properties": {"modelUri": "azureml://datastores/workspaceblobstore/paths/m"}}
    assert (await rest.client.put(f"{WORKSPACE}/models/Risk/versions/1", json=body)).status_code == 201
    refused = await rest.client.put(f"{WORKSPACE}/models/risk/versions/1", json=body)
    assert refused.status_code == 409
    assert "'Risk'" in refused.json()["error"]["message"]
    assert (await rest.client.put(f"{WORKSPACE}/models/Risk/versions/2", json=body)).status_code == 201
    assert (
        await rest.client.put(f"{WORKSPACE}/data/risk/versions/1", json={"properties": {"dataUri": "u"}})
    ).is_success


async def test_two_who_change_at_once_do_not_lose_each_others_change(rest: RestServer) -> None:
    await put_endpoint(rest.client)
    await rest.settle()
    path = f"{ENDPOINTS}/diabetes"
    etag = (await rest.client.get(path)).headers["ETag"]
    first = await rest.client.patch(path, json={"tags": {"a": "1"}}, headers={"If-Match": etag})
    second = await rest.client.patch(path, json={"tags": {"b": "2"}}, headers={"If-Match": etag})
    assert (first.status_code, second.status_code) == (202, 412)
    tags = (await rest.client.get(path)).json()["tags"]
    assert tags == {"foo": "bar", "a": "1"}
