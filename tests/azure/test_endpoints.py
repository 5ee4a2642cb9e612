"""Endpoints and deployments through the stock client: credentials, updates in place, failures and what they say."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    DataCollector,
    DeploymentCollection,
    IdentityConfiguration,
    OnlineRequestSettings,
    ProbeSettings,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential

from tests.azure.workbench import SCRIPT, Workbench


def test_keys_are_rotated_one_at_a_time(bench: Workbench) -> None:
    endpoints = bench.client.online_endpoints
    bench.make_endpoint("keyed")
    bench.deploy("blue", "keyed")
    bench.set_traffic("keyed", blue=100)
    before = endpoints.get_keys("keyed")
    endpoints.begin_regenerate_keys("keyed", key_type="primary").result()
    after = endpoints.get_keys("keyed")
    assert after.primary_key != before.primary_key
    assert after.secondary_key == before.secondary_key
    statuses = [bench.send("keyed", key).status_code for key in (before.primary_key, after.primary_key)]
    assert statuses == [401, 200]
    assert bench.send("keyed", after.secondary_key).status_code == 200
    wrong = bench.send("keyed", "wrong")
    assert wrong.json()["error"]["code"] == "Unauthorized"

    # The first local object again, which knows nothing of what the server has added (spec/wire.md §3.6).
    bench.make_endpoint("keyed", traffic={"blue": 100})
    assert endpoints.get_keys("keyed").primary_key == after.primary_key
    bench.delete("keyed")


def test_a_token_endpoint_takes_the_tokens_made_for_it(bench: Workbench) -> None:
    endpoints = bench.client.online_endpoints
    made = bench.make_endpoint("tokened", auth_mode="aml_token")
    assert made.auth_mode == "aml_token"
    bench.deploy("blue", "tokened")
    bench.set_traffic("tokened", blue=100)
    given = endpoints.get_keys("tokened")
    assert given.expiry_time_utc - given.refresh_after_time_utc == 1800
    assert bench.send("tokened", given.access_token).status_code == 200
    assert bench.send("tokened", "wrong").status_code == 401
    assert json.loads(bench.invoke("tokened"))["from"] == "blue"
    bench.delete("tokened")
    bench.make_endpoint("tokened", auth_mode="aml_token")
    assert bench.send("tokened", given.access_token).status_code == 401
    bench.delete("tokened")


def test_an_aad_endpoint_takes_the_token_of_its_caller(bench: Workbench) -> None:
    bench.make_endpoint("callers", auth_mode="aad_token")
    bench.deploy("blue", "callers")
    bench.set_traffic("callers", blue=100)
    assert json.loads(bench.invoke("callers"))["from"] == "blue"
    token = DefaultAzureCredential().get_token("https://ml.azure.com/.default").token
    assert bench.send("callers", token).status_code == 200
    assert bench.send("callers", "wrong").status_code == 401
    bench.delete("callers")


def test_a_deployment_is_updated_in_place_without_a_failed_request(bench: Workbench) -> None:
    bench.make_endpoint("inplace")
    bench.deploy("blue", "inplace", request_settings=OnlineRequestSettings(max_concurrent_requests_per_instance=10))
    bench.set_traffic("inplace", blue=100)
    key = str(bench.client.online_endpoints.get_keys("inplace").primary_key)
    url = str(bench.client.online_endpoints.get("inplace").scoring_uri)
    stop, answers = threading.Event(), []

    def send() -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=30) as sender:
            while not stop.is_set():
                answer = sender.post(url, json={"data": [1]})
                answers.append((answer.status_code, answer.json().get("from")))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        changed = SCRIPT.format(name="second")
        updated = bench.deploy("blue", "inplace", script=changed, tags={"v": "2"})
        assert updated.tags == {"v": "2"}
    finally:
        stop.set()
        sender.join()
    assert {status for status, _ in answers} == {200}
    assert [name for _, name in answers if name == "blue"]
    assert json.loads(bench.invoke("inplace"))["from"] == "second"
    bench.delete("inplace")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("def init():\n    raise RuntimeError('no such table')\ndef run(data):\n    return 1\n", "no such table"),
        ("import nowhere_to_be_found\ndef init(): ...\ndef run(data): ...\n", "nowhere_to_be_found"),
    ],
)
def test_a_failing_deployment_says_why(bench: Workbench, script: str, said: str) -> None:
    name = f"failing-{said[:7].replace(' ', '-').replace('_', '-').strip('-')}"
    bench.make_endpoint(name)
    with pytest.raises(HttpResponseError, match=said):
        bench.deploy("blue", name, script=script)
    found = bench.client.online_deployments.get("blue", name)
    assert found.provisioning_state == "Failed"
    assert said in bench.client.online_deployments.get_logs("blue", name, lines=100)
    with pytest.raises(HttpResponseError, match="blue"):
        bench.set_traffic(name, blue=100)
    bench.client.online_deployments.begin_delete("blue", name).result()
    bench.delete(name)


def test_a_model_that_fails_is_said_to_have_failed(bench: Workbench) -> None:
    bench.make_endpoint("raising")
    bench.deploy("blue", "raising", script="def init(): ...\ndef run(data):\n    raise ValueError('bad row')\n")
    bench.set_traffic("raising", blue=100)
    with pytest.raises(HttpResponseError) as failed:
        bench.invoke("raising")
    assert failed.value.status_code == 424
    assert "bad row" in bench.client.online_deployments.get_logs("blue", "raising", lines=100)
    bench.delete("raising")


def test_everything_said_of_a_deployment_comes_back(bench: Workbench) -> None:
    endpoint = bench.make_endpoint(
        "wordy", description="words", tags={"a": "b"}, properties={"mine": "1"}, public_network_access="enabled"
    )
    assert endpoint.properties["mine"] == "1"
    assert endpoint.properties["azureml.onlineendpointid"].endswith("/onlineendpoints/wordy")
    assert endpoint.identity.type == "system_assigned"
    assert endpoint.identity.principal_id
    made = bench.deploy(
        "blue", "wordy", description="d", tags={"t": "1"}, environment_variables={"A": "1", "N": 3},
        app_insights_enabled=True,
        request_settings=OnlineRequestSettings(
            max_concurrent_requests_per_instance=3, request_timeout_ms=30000, max_queue_wait_ms=2000
        ),
        liveness_probe=ProbeSettings(failure_threshold=5, timeout=3, period=11, initial_delay=12),
        readiness_probe=ProbeSettings(failure_threshold=6, timeout=4, period=1, initial_delay=2, success_threshold=1),
        data_collector=DataCollector(
            collections={"request": DeploymentCollection(enabled="true")}, sampling_rate=0.5, rolling_rate="hour"
        ),
    )  # fmt: skip
    assert (made.description, made.tags, made.environment_variables) == ("d", {"t": "1"}, {"A": "1", "N": "3"})
    assert (made.app_insights_enabled, made.instance_type) == (True, "Standard_DS3_v2")
    settings = made.request_settings
    assert (settings.max_concurrent_requests_per_instance, settings.request_timeout_ms) == (3, 30000)
    assert (settings.max_queue_wait_ms, made.readiness_probe.failure_threshold) == (2000, 6)
    assert (made.liveness_probe.period, made.liveness_probe.initial_delay) == (11, 12)
    assert made.data_collector.collections["request"].enabled == "true"
    assert made.scale_settings.type == "default"
    made.data_collector = None  # the client cannot send back what it has read of one
    again = bench.client.online_deployments.begin_create_or_update(made).result()
    assert again.environment_variables == {"A": "1", "N": "3"}
    assert "wordy" in [e.name for e in bench.client.online_endpoints.list()]
    assert [d.name for d in bench.client.online_deployments.list("wordy")] == ["blue"]
    bench.delete("wordy")


def test_a_user_assigned_identity_is_kept(bench: Workbench) -> None:
    from azure.ai.ml.entities import ManagedIdentityConfiguration

    id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/me"
    made = bench.make_endpoint(
        "identified",
        identity=IdentityConfiguration(
            type="user_assigned", user_assigned_identities=[ManagedIdentityConfiguration(resource_id=id)]
        ),
    )
    assert made.identity.type == "user_assigned"
    assert [i.resource_id for i in made.identity.user_assigned_identities] == [id]
    bench.delete("identified")


def test_what_is_not_there_is_not_found_and_deletes_may_follow_each_other(bench: Workbench) -> None:
    client = bench.client
    absent: list[tuple[Callable[..., Any], tuple[str, ...]]] = [
        (client.online_endpoints.get, ("nowhere",)),
        (client.online_endpoints.get_keys, ("nowhere",)),
        (client.online_deployments.get, ("blue", "nowhere")),
        (client.models.get, ("nowhere", "1")),
        (client.environments.get, ("nowhere", "1")),
    ]
    for ask, words in absent:
        with pytest.raises(ResourceNotFoundError):
            ask(*words)
    with pytest.raises(ResourceNotFoundError, match="of Azure's jobs"):
        list(client.jobs.list())
    for name in ("first", "second"):
        bench.make_endpoint(name)
    waiting = [client.online_endpoints.begin_delete(name) for name in ("first", "second", "first")]
    for each in waiting:
        each.result()
    assert not {"first", "second"} & {e.name for e in client.online_endpoints.list()}


def test_names_are_taken_in_any_case(bench: Workbench) -> None:
    bench.make_endpoint("MixedCase")
    assert bench.client.online_endpoints.get("mixedcase").name == "mixedcase"
    assert bench.client.online_endpoints.get("MIXEDCASE").name == "mixedcase"
    bench.delete("MixedCase")


def test_registered_assets_are_deployed_by_name_and_label(bench: Workbench, tmp_path: Path) -> None:
    from azure.ai.ml.entities import Environment, Model

    from tests.azure.workbench import CONDA, IMAGE

    client = bench.client
    client.models.create_or_update(Model(name="registered", version="1", path=str(bench.write("r/m.txt", "one"))))
    client.models.create_or_update(Model(name="registered", version="2", path=str(bench.write("r/m.txt", "two"))))
    conda = str(bench.write("conda.yaml", CONDA))
    client.environments.create_or_update(Environment(name="registered-env", image=IMAGE, conda_file=conda))
    bench.make_endpoint("assets")
    bench.deploy("blue", "assets", model="azureml:registered:1", environment="azureml:registered-env:1")
    bench.deploy("green", "assets", model="registered@latest", environment="registered-env@latest")
    assert json.loads(bench.invoke("assets", "blue"))["model"] == "one"
    assert json.loads(bench.invoke("assets", "green"))["model"] == "two"
    with pytest.raises(HttpResponseError, match="does not exist"):
        bench.deploy("red", "assets", model="azureml:registered:7")
    bench.delete("assets")


def test_workspaces_do_not_see_each_other(bench: Workbench) -> None:
    other = MLClient(DefaultAzureCredential(), "my subscription", "my-group", "another-workspace")
    bench.make_endpoint("mine")
    assert [e.name for e in other.online_endpoints.list()] == []
    with pytest.raises(ResourceNotFoundError):
        other.online_endpoints.get("mine")
    bench.delete("mine")


@pytest.mark.parametrize(
    "environment",
    ["AzureML-minimal-1.0@latest", "azureml://registries/azureml/environments/minimal-ubuntu22.04/labels/latest"],
)
def test_a_curated_environment_is_deployed_by_its_name(bench: Workbench, environment: str) -> None:
    bench.make_endpoint("curated")
    bench.deploy("blue", "curated", environment=environment)
    assert json.loads(bench.invoke("curated", "blue"))["from"] == "blue"
    with pytest.raises(HttpResponseError, match=r"sklearn-\*"):
        bench.deploy("green", "curated", environment="azureml://registries/azureml/environments/none/labels/latest")
    bench.delete("curated")
