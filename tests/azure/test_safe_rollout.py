"""The safe rollout of the published notebook, from an empty endpoint to its end, through the stock client."""

import json

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.azure.workbench import Workbench
from tests.harness.waiting import wait_until_sync


def test_a_safe_rollout_from_an_empty_endpoint_to_its_end(bench: Workbench) -> None:
    client, endpoint = bench.client, "rollout"
    made = bench.make_endpoint(endpoint, description="this is a sample online endpoint", tags={"foo": "bar"})
    assert made.provisioning_state == "Succeeded"
    assert (made.traffic, made.auth_mode, made.tags) == ({}, "key", {"foo": "bar"})

    blue = bench.deploy("blue", endpoint)
    assert (blue.provisioning_state, blue.instance_count) == ("Succeeded", 1)
    assert client.online_endpoints.get(endpoint).traffic == {"blue": 0}
    with pytest.raises(ResourceNotFoundError):
        bench.invoke(endpoint)
    bench.set_traffic(endpoint, blue=100)
    assert json.loads(bench.invoke(endpoint)) == {"from": "blue", "model": "the model", "sum": 6}

    blue.instance_count = 2
    assert client.online_deployments.begin_create_or_update(blue).result().instance_count == 2

    bench.deploy("green", endpoint)
    assert client.online_endpoints.get(endpoint).traffic == {"blue": 100, "green": 0}
    assert json.loads(bench.invoke(endpoint, "green"))["from"] == "green"
    assert json.loads(bench.invoke(endpoint))["from"] == "blue"

    found = client.online_endpoints.get(endpoint)
    found.mirror_traffic = {"green": 50}
    client.online_endpoints.begin_create_or_update(found).result()
    assert client.online_endpoints.get(endpoint).mirror_traffic == {"green": 50}
    assert bench.split(endpoint, 40) == {"blue": 40}
    wait_until_sync(lambda: count_in_log(bench, endpoint) >= 10, describe=lambda: read_log(bench, endpoint))

    found = client.online_endpoints.get(endpoint)
    found.mirror_traffic = {"green": 0}
    found.traffic = {"blue": 90, "green": 10}
    client.online_endpoints.begin_create_or_update(found).result()
    answered = bench.split(endpoint, 200)
    assert 5 <= answered["green"] <= 45

    with pytest.raises(HttpResponseError, match="live traffic"):
        client.online_deployments.begin_delete(name="blue", endpoint_name=endpoint).result()
    bench.set_traffic(endpoint, blue=0, green=100)
    assert bench.split(endpoint, 20) == {"green": 20}
    client.online_deployments.begin_delete(name="blue", endpoint_name=endpoint).result()
    assert [d.name for d in client.online_deployments.list(endpoint)] == ["green"]

    client.online_endpoints.begin_delete(name=endpoint).result()
    with pytest.raises(ResourceNotFoundError):
        client.online_endpoints.get(endpoint)


def read_log(bench: Workbench, endpoint: str) -> str:
    return str(bench.client.online_deployments.get_logs(name="green", endpoint_name=endpoint, lines=500))


def count_in_log(bench: Workbench, endpoint: str) -> int:
    return read_log(bench, endpoint).count("Request received")
