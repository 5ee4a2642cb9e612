from pathlib import Path

import pytest

from teal.entities import (
    BuildContext,
    CodeConfiguration,
    DataAsset,
    DataCollector,
    DeploymentCollection,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    OnlineRequestSettings,
    ProbeSettings,
)
from teal.sdk import MLClient, OperationFailed, ResourceNotFoundError, ValidationError
from tests.harness.arm import WORKSPACE, Arm


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "score.py").write_text("def init(): ...\ndef run(data): return data\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.bin").write_bytes(b"w" * 1000)
    (tmp_path / "conda.yaml").write_text("dependencies:\n- python=3.11\n- pip:\n  - scikit-learn\n")
    return tmp_path


def deployment(folder: Path, **changes: object) -> ManagedOnlineDeployment:
    wanted: dict[str, object] = {
        "name": "blue",
        "endpoint_name": "e",
        "model": Model(path=folder / "model"),
        "environment": Environment(image="python:3.11", conda_file=folder / "conda.yaml"),
        "code_configuration": CodeConfiguration(code=folder / "code", scoring_script="score.py"),
        "instance_type": "Standard_DS3_v2",
        "instance_count": 1,
    }
    return ManagedOnlineDeployment(**{**wanted, **changes})  # type: ignore[arg-type]


@pytest.fixture
def endpoint(client: MLClient) -> None:
    client.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="e")).result()


@pytest.mark.usefixtures("endpoint")
def test_what_is_described_in_place_is_sent_and_replaced_by_ids(client: MLClient, arm: Arm, folder: Path) -> None:
    made = client.online_deployments.begin_create_or_update(deployment(folder)).result()

    body = arm.sent("PUT", "/deployments/blue")[0]
    properties = body["properties"]
    assert body["sku"] == {"name": "Default", "capacity": 1}
    assert properties["endpointComputeType"] == "Managed"
    assert properties["codeConfiguration"]["scoringScript"] == "score.py"
    assert properties["codeConfiguration"]["codeId"].startswith(f"{WORKSPACE}/codes/")
    assert properties["model"].startswith(f"{WORKSPACE}/models/")
    assert "/environments/CliV2AnonymousEnvironment/versions/" in properties["environmentId"]
    assert sorted(arm.blobs.values()) == sorted([(folder / "code/score.py").read_bytes(), b"w" * 1000])
    assert made.endpoint_name == "e"
    assert made.instance_count == 1


@pytest.mark.usefixtures("endpoint")
def test_the_same_code_and_model_are_not_sent_twice(client: MLClient, arm: Arm, folder: Path) -> None:
    client.online_deployments.begin_create_or_update(deployment(folder)).result()
    uploads = len([r for r in arm.requests if r.method == "PUT" and r.url.path.startswith("/blobs")])
    client.online_deployments.begin_create_or_update(deployment(folder, name="green")).result()
    after = len([r for r in arm.requests if r.method == "PUT" and r.url.path.startswith("/blobs")])
    assert after == uploads


def test_a_misspelt_endpoint_is_refused_before_anything_is_sent(client: MLClient, arm: Arm, folder: Path) -> None:
    with pytest.raises(ResourceNotFoundError):
        client.online_deployments.begin_create_or_update(deployment(folder))
    assert not arm.blobs


@pytest.mark.usefixtures("endpoint")
def test_a_script_that_does_not_parse_is_refused_with_its_line(client: MLClient, arm: Arm, folder: Path) -> None:
    (folder / "code" / "score.py").write_text("def init(:\n")
    with pytest.raises(ValidationError, match=r"score\.py, line 1"):
        client.online_deployments.begin_create_or_update(deployment(folder))
    client.online_deployments.begin_create_or_update(deployment(folder), skip_script_validation=True).result()
    sent = arm.sent("PUT", "/deployments/blue")[0]
    assert sent["properties"]["properties"] == {"teal.skip_script_validation": "true"}


@pytest.mark.usefixtures("endpoint")
def test_a_missing_script_is_refused_and_the_scripts_there_are_named(client: MLClient, folder: Path) -> None:
    wanted = deployment(folder, code_configuration=CodeConfiguration(folder / "code", "scor.py"))
    with pytest.raises(ValidationError, match=r"no scor\.py in .*there is score\.py"):
        client.online_deployments.begin_create_or_update(wanted)


@pytest.mark.usefixtures("endpoint")
def test_code_path_and_scoring_script_are_the_short_way_to_write_the_code(
    client: MLClient, arm: Arm, folder: Path
) -> None:
    wanted = deployment(folder, code_configuration=None, code_path=folder / "code", scoring_script="score.py")
    client.online_deployments.begin_create_or_update(wanted).result()
    assert arm.sent("PUT", "/deployments/blue")[0]["properties"]["codeConfiguration"]["scoringScript"] == "score.py"


@pytest.mark.usefixtures("endpoint")
def test_settings_travel_as_iso_durations_and_come_back_as_numbers(client: MLClient, arm: Arm, folder: Path) -> None:
    wanted = deployment(
        folder,
        request_settings=OnlineRequestSettings(request_timeout_ms=2500, max_concurrent_requests_per_instance=4),
        readiness_probe=ProbeSettings(period=10, timeout=2, failure_threshold=30),
        environment_variables={"WORKER_COUNT": 2, "VERBOSE": True},
    )
    made = client.online_deployments.begin_create_or_update(wanted).result()
    sent = arm.sent("PUT", "/deployments/blue")[0]["properties"]
    assert sent["requestSettings"] == {"requestTimeout": "PT2.5S", "maxConcurrentRequestsPerInstance": 4}
    assert sent["readinessProbe"] == {"period": "PT10S", "timeout": "PT2S", "failureThreshold": 30}
    assert sent["environmentVariables"] == {"WORKER_COUNT": "2", "VERBOSE": "true"}
    assert made.request_settings == wanted.request_settings
    assert made.readiness_probe == wanted.readiness_probe


@pytest.mark.usefixtures("endpoint")
def test_an_update_sends_only_what_changed(client: MLClient, arm: Arm, folder: Path) -> None:
    client.online_deployments.begin_create_or_update(deployment(folder, tags={"a": "1", "b": "2"})).result()
    before = client.online_deployments.get("blue", "e")
    after = client.online_deployments.get("blue", "e")
    after.instance_count = 2
    after.tags.pop("a")
    client.online_deployments.begin_change(before, after).result()
    assert arm.sent("PATCH", "/deployments/blue") == [{"sku": {"capacity": 2}, "tags": {"a": None}}]


@pytest.mark.usefixtures("endpoint")
def test_begin_update_takes_the_attributes_to_change(client: MLClient, arm: Arm, folder: Path) -> None:
    client.online_deployments.begin_create_or_update(deployment(folder)).result()
    changed = client.online_deployments.begin_update("blue", "e", instance_count=3, model="azureml:m:2").result()
    assert arm.sent("PATCH", "/deployments/blue") == [
        {"sku": {"capacity": 3}, "properties": {"model": f"{WORKSPACE}/models/m/versions/2"}}
    ]
    assert changed.instance_count == 3


@pytest.mark.usefixtures("endpoint")
def test_a_fetched_deployment_can_be_sent_back_whole(client: MLClient, arm: Arm, folder: Path) -> None:
    client.online_deployments.begin_create_or_update(deployment(folder)).result()
    fetched = client.online_deployments.get(name="blue", endpoint_name="e")
    fetched.instance_count = 2
    client.online_deployments.begin_create_or_update(fetched).result()
    first, second = arm.sent("PUT", "/deployments/blue")
    assert second["sku"] == {"name": "Default", "capacity": 2}
    assert second["properties"]["model"] == first["properties"]["model"]
    assert second["properties"]["codeConfiguration"] == first["properties"]["codeConfiguration"]


@pytest.mark.usefixtures("endpoint")
def test_a_deployment_that_fails_raises_with_the_servers_reason(client: MLClient, arm: Arm, folder: Path) -> None:
    arm.polls = [
        {"status": "InProgress"},
        {"status": "Failed", "error": {"code": "UserScriptInitFailed", "message": "init() raised KeyError: 'x'"}},
    ]
    poller = client.online_deployments.begin_create_or_update(deployment(folder))
    with pytest.raises(OperationFailed, match=r"\(UserScriptInitFailed\) init\(\) raised KeyError") as raised:
        poller.result()
    assert raised.value.code == "UserScriptInitFailed"
    assert poller.status() == "Failed"


@pytest.mark.usefixtures("endpoint")
def test_what_the_server_observed_is_shown_in_snake_case(client: MLClient, arm: Arm, folder: Path) -> None:
    client.online_deployments.begin_create_or_update(deployment(folder)).result()
    path = next(path for path in arm.resources if path.endswith("/deployments/blue"))
    arm.resources[path]["properties"]["observed"] = {"phase": "probing", "instances": [{"id": "i", "inFlight": 2}]}
    found = client.online_deployments.get("blue", "e")
    assert found.observed == {"phase": "probing", "instances": [{"id": "i", "in_flight": 2}]}


def test_logs_ask_for_the_container_in_the_wires_words(client: MLClient, arm: Arm) -> None:
    text = client.online_deployments.get_logs("blue", "e", lines=50, container_type="storage-initializer")
    assert text == "one\ntwo\n"
    assert arm.sent("POST", "/getLogs") == [{"tail": 50, "containerType": "StorageInitializer"}]


def test_an_environment_has_an_image_or_a_build_context_not_both(client: MLClient) -> None:
    with pytest.raises(ValidationError, match="not both"):
        client.environments.create_or_update(Environment(name="e", image="x", build=BuildContext(path=".")))


def test_local_is_refused_in_one_sentence(client: MLClient, folder: Path) -> None:
    with pytest.raises(ValidationError, match="local=True is not offered yet"):
        client.online_deployments.begin_create_or_update(deployment(folder), local=True)


@pytest.mark.usefixtures("endpoint")
def test_collections_that_are_on_get_a_data_asset_each(client: MLClient, arm: Arm, folder: Path) -> None:
    mine = DataAsset(name="mine", path="azureml://datastores/workspaceblobstore/paths/here", version=2)
    collections = {
        "request": DeploymentCollection(enabled="True"),
        "model_inputs": DeploymentCollection(enabled="true", data=mine),
        "response": DeploymentCollection(enabled="false"),
        "model_outputs": DeploymentCollection(enabled="true", data=f"{WORKSPACE}/data/known/versions/1"),
    }
    wanted = deployment(folder, data_collector=DataCollector(collections, sampling_rate=0.5))
    expected = client.online_deployments.preview(wanted)
    assert not [path for path in arm.resources if "/data/" in path]
    client.online_deployments.begin_create_or_update(wanted).result()

    sent = arm.sent("PUT", "/deployments/blue")[0]["properties"]["dataCollector"]["collections"]
    assert {name: each.get("dataId") for name, each in sent.items()} == {
        "request": f"{WORKSPACE}/data/e-blue-request/versions/1",
        "model_inputs": f"{WORKSPACE}/data/mine/versions/2",
        "response": None,
        "model_outputs": f"{WORKSPACE}/data/known/versions/1",
    }
    made = {path: body["properties"]["dataUri"] for path, body in arm.resources.items() if "/data/" in path}
    assert made == {
        sent["request"]["dataId"]: "azureml://datastores/workspaceblobstore/paths/modelDataCollector/e/blue/request",
        sent["model_inputs"]["dataId"]: mine.path,
    }
    assert client.online_deployments.get("blue", "e").data_collector == expected.data_collector
