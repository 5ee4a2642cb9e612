"""Online deployments over REST: what the server fills in, what it keeps, what it shows of the instances."""

from dataclasses import replace
from typing import Any

import pytest

from teal.domain.deployments import DeploymentStatus
from teal.domain.failures import Failure
from teal.domain.instance_records import InstanceRecord, InstanceState
from teal.domain.states import ProvisioningState
from teal.store import deployments as stored_deployments
from teal.store import instances as stored_instances
from tests.harness.bodies import MODEL_ID, build_deployment, put_assets, put_deployment, put_endpoint
from tests.harness.rest import ENDPOINTS, WORKSPACE, RestServer

BLUE = f"{ENDPOINTS}/diabetes/deployments/blue"


@pytest.fixture(autouse=True)
async def _endpoint(rest: RestServer) -> None:
    await put_endpoint(rest.client)
    await put_assets(rest.client)
    await rest.settle()


async def test_the_server_fills_in_what_clients_need(rest: RestServer) -> None:
    answer = await put_deployment(rest.client, "blue")
    assert answer.status_code == 201
    body = answer.json()
    assert body["id"] == BLUE
    assert body["sku"] == {"name": "Default", "capacity": 1}
    properties = body["properties"]
    assert properties["scaleSettings"] == {"scaleType": "Default"}
    assert properties["endpointComputeType"] == "Managed"
    assert properties["provisioningState"] == "Creating"
    assert properties["model"] == MODEL_ID
    assert properties["requestSettings"]["requestTimeout"] == "PT5S"


async def test_an_autoscale_setting_outlives_a_put_that_says_nothing_of_it(rest: RestServer) -> None:
    await put_deployment(rest.client, "blue", autoscale={"name": "a"})
    again = (await put_deployment(rest.client, "blue", environmentVariables={"A": "1"})).json()["properties"]
    assert (again["autoscale"], again["environmentVariables"]) == ({"name": "a"}, {"A": "1"})
    other = (await put_deployment(rest.client, "blue", autoscale={"name": "b"})).json()["properties"]
    assert other["autoscale"] == {"name": "b"}
    gone = await rest.client.patch(BLUE, json={"properties": {"autoscale": None}})
    assert "autoscale" not in gone.json()["properties"]


async def test_settings_come_back_as_they_were_sent(rest: RestServer) -> None:
    sent: dict[str, Any] = {
        "requestSettings": {
            "maxQueueWait": "PT0.1S", "maxConcurrentRequestsPerInstance": 2, "requestTimeout": "PT1M", "later": 1,
        },
        "livenessProbe": {
            "failureThreshold": 3, "successThreshold": 1, "timeout": "PT2S", "period": "PT10S", "initialDelay": "PT5S",
        },
        "readinessProbe": {},
        "dataCollector": {"rollingRate": "hour"},
        "environmentVariables": {"WORKER_COUNT": "2"},
    }  # fmt: skip
    properties = (await put_deployment(rest.client, "blue", **sent)).json()["properties"]
    assert properties["requestSettings"] == {
        "maxQueueWait": "PT0.1S", "maxConcurrentRequestsPerInstance": 2, "requestTimeout": "PT60S", "later": 1,
    }  # fmt: skip
    assert properties["livenessProbe"] == sent["livenessProbe"]
    assert properties["readinessProbe"]["period"] == "PT10S"
    assert properties["dataCollector"] == {"rollingRate": "hour"}
    assert properties["environmentVariables"] == {"WORKER_COUNT": "2"}


async def test_a_collection_that_is_on_reads_as_stock_clients_take_it(rest: RestServer) -> None:
    sent = {"collections": {"request": {"dataCollectionMode": "enabled", "dataId": "d"}, "other": {}}}
    properties = (await put_deployment(rest.client, "blue", dataCollector=sent)).json()["properties"]
    collections = properties["dataCollector"]["collections"]
    assert collections == {"request": {"dataCollectionMode": "Enabled", "dataId": "d"}, "other": {}}


async def test_another_capacity_alone_is_scaling(rest: RestServer) -> None:
    await put_deployment(rest.client, "blue")
    await rest.settle()
    answer = await rest.client.patch(BLUE, json={"sku": {"capacity": 3}})
    assert answer.status_code == 202
    assert answer.json()["sku"] == {"name": "Default", "capacity": 3}
    assert answer.json()["properties"]["provisioningState"] == "Scaling"


async def test_a_patch_keeps_what_it_does_not_mention(rest: RestServer) -> None:
    await put_deployment(rest.client, "blue", environmentVariables={"A": "1", "B": "2"}, unknown=[1])
    answer = await rest.client.patch(BLUE, json={"properties": {"environmentVariables": {"A": None, "C": "3"}}})
    properties = answer.json()["properties"]
    assert properties["environmentVariables"] == {"B": "2", "C": "3"}
    assert properties["unknown"] == [1]
    assert properties["codeConfiguration"]["scoringScript"] == "score.py"


@pytest.mark.parametrize(
    ("properties", "target"),
    [
        ({"requestSettings": {"requestTimeout": "5s"}}, "properties.requestSettings.requestTimeout"),
        ({"requestSettings": {"requestTimeout": 5}}, "properties.requestSettings.requestTimeout"),
        ({"livenessProbe": {"failureThreshold": "many"}}, "properties.livenessProbe.failureThreshold"),
        ({"dataCollector": {"collections": {"a": "on"}}}, "properties.dataCollector.collections.a"),
        ({"environmentVariables": {"A": []}}, "properties.environmentVariables.A"),
        ({"environmentVariables": "A=1"}, "properties.environmentVariables"),
        ({"appInsightsEnabled": "yes"}, "properties.appInsightsEnabled"),
        ({"requestSettings": {"requestTimeout": "PT181S"}}, "request_timeout_ms"),
        ({"codeConfiguration": {"scoringScript": "score.py"}}, "code_configuration"),
        ({"model": "azureml:nothing:1"}, "model"),
        ({"endpointComputeType": "Kubernetes"}, "endpointComputeType"),
    ],
)
async def test_what_cannot_be_is_refused_and_creates_nothing(
    rest: RestServer, properties: dict[str, Any], target: str
) -> None:
    answer = await put_deployment(rest.client, "blue", **properties)
    assert answer.status_code == 400
    assert answer.json()["error"]["target"] == target
    assert (await rest.client.get(BLUE)).status_code == 404


async def test_a_deployment_of_no_endpoint_is_not_found(rest: RestServer) -> None:
    assert (await put_deployment(rest.client, "blue", endpoint="nothing")).status_code == 404


async def test_a_deployment_with_live_traffic_is_not_deleted(rest: RestServer) -> None:
    await put_deployment(rest.client, "blue")
    await rest.settle()
    await rest.client.patch(f"{ENDPOINTS}/diabetes", json={"properties": {"traffic": {"blue": 100}}})
    await rest.settle()
    refused = await rest.client.delete(BLUE)
    assert refused.status_code == 400
    assert "100 percent of the live traffic" in refused.json()["error"]["message"]
    assert (await rest.client.get(BLUE)).status_code == 200


async def test_deleting_what_is_not_there_is_no_error(rest: RestServer) -> None:
    assert (await rest.client.delete(BLUE)).status_code == 204
    await put_deployment(rest.client, "blue")
    await rest.settle()
    assert (await rest.client.delete(BLUE)).status_code == 202


async def test_a_change_that_names_an_older_version_is_refused(rest: RestServer) -> None:
    etag = (await put_deployment(rest.client, "blue")).headers["ETag"]
    assert (await rest.client.patch(BLUE, json={"tags": {"a": "b"}}, headers={"If-Match": etag})).status_code == 202
    assert (await rest.client.patch(BLUE, json={"tags": {"a": "c"}}, headers={"If-Match": etag})).status_code == 412
    late = await rest.client.put(BLUE, json=build_deployment(), headers={"If-Match": etag})
    assert late.status_code == 412
    assert (await rest.client.delete(BLUE, headers={"If-Match": etag})).status_code == 412


async def test_a_deployment_shows_its_instances_and_its_requests(rest: RestServer) -> None:
    await put_deployment(rest.client, "blue")
    await rest.settle()
    record = InstanceRecord(
        instance_id="i1", endpoint="diabetes", deployment="blue", revision="abc",
        state=InstanceState.DRAINING, since=1.0, attempt=3, in_flight=2,
    )  # fmt: skip
    await rest.store.write(lambda tx: stored_instances.save_instance(tx, record))
    rest.requests = {("diabetes", "blue"): {"live": 7, "mirrored": 1}}
    for body in (
        (await rest.client.get(BLUE)).json(),
        (await rest.client.get(f"{ENDPOINTS}/diabetes/deployments")).json()["value"][0],
    ):
        observed = body["properties"]["observed"]
        assert observed["instances"] == [
            {"id": "i1", "state": "draining", "revision": "abc", "inFlight": 2, "restarts": 2}
        ]
        assert observed["requests"] == {"live": 7, "mirrored": 1}
        assert observed["phase"] == "in service"
        assert observed["servingRevision"] == observed["revision"]


async def test_requests_are_left_out_while_the_gateway_cannot_be_asked(rest: RestServer) -> None:
    await put_deployment(rest.client, "blue")
    assert "requests" not in (await rest.client.get(BLUE)).json()["properties"]["observed"]
    rest.requests = {}
    observed = (await rest.client.get(BLUE)).json()["properties"]["observed"]
    assert observed["requests"]["live"] == 0


async def test_a_failed_deployment_says_why_in_its_body_and_in_its_operation(rest: RestServer) -> None:
    started = await put_deployment(rest.client, "blue")
    await rest.settle(
        failure=Failure(code="UserScriptImportError", message="score.py could not be imported.", traceback="Traceback")
    )
    properties = (await rest.client.get(BLUE)).json()["properties"]
    assert properties["provisioningState"] == "Failed"
    assert properties["provisioningError"]["code"] == "UserScriptImportError"
    status = (await rest.client.get(started.headers["Azure-AsyncOperation"])).json()
    assert status["status"] == "Failed"
    assert status["error"]["code"] == "UserScriptImportError"
    assert "Traceback" in status["error"]["message"]


async def test_logs_are_the_last_lines_of_every_instance(rest: RestServer) -> None:
    await put_deployment(rest.client, "blue")
    for id in ("i1", "i2"):
        record = InstanceRecord(
            instance_id=id, endpoint="diabetes", deployment="blue", revision="a", state=InstanceState.STARTED, since=1.0
        )
        await rest.store.write(lambda tx, record=record: stored_instances.save_instance(tx, record))  # type: ignore[misc]
        rest.logs[id, "inference-server"] = f"one\ntwo of {id}\n"
        rest.logs[id, "storage-initializer"] = "copied\n"
    answer = await rest.client.post(f"{BLUE}/getLogs", json={"tail": 1})
    assert answer.json() == {"content": "==> i1 <==\ntwo of i1\n==> i2 <==\ntwo of i2\n"}
    other = await rest.client.post(f"{BLUE}/getLogs", json={"containerType": "StorageInitializer", "tail": 10})
    assert "copied" in other.json()["content"]
    await rest.store.write(lambda tx: stored_instances.delete_instance(tx, "i2"))
    assert (await rest.client.post(f"{BLUE}/getlogs")).json() == {"content": "one\ntwo of i1"}
    for wrong in ({"containerType": "other"}, {"tail": 0}, {"tail": "x"}):
        assert (await rest.client.post(f"{BLUE}/getLogs", json=wrong)).status_code == 400


async def test_logs_of_a_failed_deployment_are_those_it_left(rest: RestServer) -> None:
    await put_deployment(rest.client, "blue")
    await rest.settle()
    status = DeploymentStatus(
        outcome=ProvisioningState.FAILED,
        failure=Failure(code="UserScriptInitFailed", message="init() raised."),
        failed_logs={"inference-server": "one\ntwo\n"},
    )
    await rest.store.write(lambda tx: stored_deployments.save_deployment_status(tx, "diabetes", "blue", status))
    said = "UserScriptInitFailed: init() raised.\n"
    assert (await rest.client.post(f"{BLUE}/getLogs", json={"tail": 1})).json() == {"content": f"two\n{said}"}
    logged = replace(status, failed_logs={"inference-server": f"one\n{said}"})
    await rest.store.write(lambda tx: stored_deployments.save_deployment_status(tx, "diabetes", "blue", logged))
    assert (await rest.client.post(f"{BLUE}/getLogs", json={"tail": 1})).json() == {"content": said}
    other = await rest.client.post(f"{BLUE}/getLogs", json={"containerType": "StorageInitializer"})
    assert "init() raised." in other.json()["content"]


async def test_skus_say_how_many_instances_are_possible(rest: RestServer) -> None:
    await put_deployment(rest.client, "blue")
    assert (await rest.client.get(f"{BLUE}/skus")).json()["value"][0]["capacity"]["maximum"] == 1000
    await rest.client.put(WORKSPACE, json={"tags": {"teal.quotas": "azure"}})
    assert (await rest.client.get(f"{BLUE}/skus")).json()["value"][0]["capacity"]["maximum"] == 50
    refused = await rest.client.put(BLUE, json=build_deployment(capacity=51))
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "OutOfQuota")


async def test_members_beside_properties_that_nobody_knows_are_kept(rest: RestServer) -> None:
    path = f"{ENDPOINTS}/diabetes/deployments/blue"
    answer = await rest.client.put(path, json={**build_deployment(), "zone": {"a": [1]}, "name": "forged"})
    assert answer.json()["zone"] == {"a": [1]}
    assert (await rest.client.get(path)).json()["name"] == "blue"
    assert (await rest.client.get(path)).json()["zone"] == {"a": [1]}


@pytest.mark.parametrize(
    "environment",
    [
        "azureml:AzureML-sklearn-1.5:19",
        "azureml:AzureML-sklearn-1.5@latest",
        "azureml://registries/azureml/environments/sklearn-1.5/labels/latest",
        "azureml://registries/azureml/environments/sklearn-1.5/versions/12",
        "azureml://registries/azureml/environments/minimal-ubuntu20.04-py38-cpu-inference",
    ],
)
async def test_a_curated_environment_needs_no_registration(rest: RestServer, environment: str) -> None:
    answer = await put_deployment(rest.client, "blue", environmentId=environment)
    assert answer.status_code == 201, answer.text
    assert answer.json()["properties"]["environmentId"] == environment


@pytest.mark.parametrize(
    "environment", ["azureml:AzureML-nothing-1.0:1", "azureml://registries/mine/environments/other/versions/1"]
)
async def test_a_curated_environment_that_nobody_knows_is_refused_with_those_known(
    rest: RestServer, environment: str
) -> None:
    answer = await put_deployment(rest.client, "blue", environmentId=environment)
    assert answer.status_code == 400
    assert "sklearn-*, xgboost-*" in answer.json()["error"]["message"]
    assert (await rest.client.get(f"{ENDPOINTS}/diabetes/deployments/blue")).status_code == 404


async def test_a_model_of_a_registry_is_not_to_be_had(rest: RestServer) -> None:
    answer = await put_deployment(rest.client, "blue", model="azureml://registries/azureml/models/gpt2/versions/1")
    assert answer.status_code == 400
    assert "in a registry" in answer.json()["error"]["message"]
