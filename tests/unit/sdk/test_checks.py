"""A check as the SDK asks for it: the whole deployment, the request as it is, and an end that is never forgotten."""

import base64
from pathlib import Path

import httpx
import pytest

from teal.sdk import MLClient
from teal.sdk.entities.checks import CheckStep, DeploymentCheck
from teal.sdk.entities.deployments import ManagedOnlineDeployment
from teal.sdk.errors import ValidationError
from teal.sdk.wire.checks import MAX_REQUEST_BYTES, load_request
from tests.harness.arm import Arm

BLUE = ManagedOnlineDeployment(name="blue", endpoint_name="nowhere", model="azureml:m:1", instance_count=1)
ENDED = {
    "properties": {
        "state": "Failed",
        "phases": [{"name": "importing", "seconds": 0.5}],
        "answer": {"status": 424, "body": "no"},
        "error": {"code": "UserScriptException", "message": "run() raised."},
    }
}


def answer_with(arm: Arm, body: object) -> None:
    arm.instead["/deploymentChecks/" + ID] = httpx.Response(200, json=body)


ID = "the-check"


@pytest.fixture
def deployments(client: MLClient, monkeypatch: pytest.MonkeyPatch) -> MLClient:
    monkeypatch.setattr(client.online_deployments, "_new_id", lambda: ID)
    monkeypatch.setattr(client.online_deployments, "_sleep", lambda _: None)
    return client


def test_the_endpoint_of_a_deployment_is_not_asked_for(deployments: MLClient, arm: Arm, tmp_path: Path) -> None:
    answer_with(arm, ENDED)
    (tmp_path / "table.csv").write_bytes(b"a,b\n1,2\n")
    found = deployments.online_deployments.check(BLUE, request_file=tmp_path / "table.csv")
    sent = arm.sent("PUT", ID)[0]["properties"]
    assert sent["deploymentName"] == "blue"
    assert sent["deployment"]["properties"]["model"].endswith("/models/m/versions/1")
    assert sent["request"] == {"body": base64.b64encode(b"a,b\n1,2\n").decode(), "contentType": "text/csv"}
    assert not [r for r in arm.requests if "onlineEndpoints" in r.url.path]
    assert (found.error_code, found.error, found.answer_status) == ("UserScriptException", "run() raised.", 424)
    assert found.steps == [CheckStep(name="importing", seconds=0.5)]


def test_an_interrupted_check_is_ended_at_the_server(deployments: MLClient, arm: Arm) -> None:
    answer_with(arm, {"properties": {"state": "Running"}})

    def interrupt(_: DeploymentCheck) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deployments.online_deployments.check(BLUE, on_change=interrupt)
    assert arm.requests[-1].method == "DELETE"


def test_a_request_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "request.json").write_bytes(b"x" * (MAX_REQUEST_BYTES + 1))
    with pytest.raises(ValidationError, match="at most"):
        load_request(tmp_path / "request.json")
