"""ARM bodies as stock clients send them (spec/wire.md §3), and the assets a deployment needs. For tests over REST."""

from typing import Any

import httpx

from tests.harness.rest import ENDPOINTS, WORKSPACE

CODE_ID = f"{WORKSPACE}/codes/11111111-1111-1111-1111-111111111111/versions/1"
MODEL_ID = f"{WORKSPACE}/models/diabetes/versions/1"
ENVIRONMENT_ID = f"{WORKSPACE}/environments/env/versions/1"


def build_endpoint(**properties: Any) -> dict[str, Any]:
    return {
        "location": "local",
        "identity": {"type": "SystemAssigned"},
        "tags": {"foo": "bar"},
        "properties": {"authMode": "Key", "properties": {}, "traffic": {}, "mirrorTraffic": {}, **properties},
    }


def build_deployment(*, capacity: int = 1, **properties: Any) -> dict[str, Any]:
    return {
        "location": "local",
        "tags": {},
        "sku": {"name": "Default", "capacity": capacity},
        "properties": {
            "codeConfiguration": {"codeId": CODE_ID, "scoringScript": "score.py"},
            "environmentId": ENVIRONMENT_ID,
            "model": MODEL_ID,
            "properties": {},
            "environmentVariables": {},
            "appInsightsEnabled": False,
            "instanceType": "Standard_DS3_v2",
            "endpointComputeType": "Managed",
            **properties,
        },
    }


async def put_assets(client: httpx.AsyncClient) -> None:
    """The model, code and environment that `build_deployment` refers to."""
    for path, properties in (
        (
            MODEL_ID,
            {"modelType": "custom_model", "modelUri": "azureml://x/datastores/workspaceblobstore/paths/a/m.pkl"},
        ),
        (CODE_ID, {"codeUri": "https://host/azblob/acct.blob.core.windows.net/code-1/src", "isAnonymous": True}),
        (ENVIRONMENT_ID, {"image": "python:3.11", "condaFile": "dependencies: []\n"}),
    ):
        answer = await client.put(path, json={"properties": properties})
        assert answer.status_code == 201, answer.text


async def put_endpoint(client: httpx.AsyncClient, name: str = "diabetes", **properties: Any) -> httpx.Response:
    return await client.put(f"{ENDPOINTS}/{name}", json=build_endpoint(**properties))


async def put_deployment(
    client: httpx.AsyncClient, name: str, endpoint: str = "diabetes", **properties: Any
) -> httpx.Response:
    return await client.put(f"{ENDPOINTS}/{endpoint}/deployments/{name}", json=build_deployment(**properties))
