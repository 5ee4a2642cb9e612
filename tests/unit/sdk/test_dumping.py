"""Entities as YAML: what is written is read back as the same thing, also after the server has had it."""

import io
from pathlib import Path

import pytest
import yaml

from teal import load_environment, load_model, load_online_deployment, load_online_endpoint
from teal.entities import (
    BuildContext,
    CodeConfiguration,
    DataCollector,
    DeploymentCollection,
    Environment,
    IdentityConfiguration,
    KubernetesOnlineDeployment,
    KubernetesOnlineEndpoint,
    ManagedIdentityConfiguration,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    OnlineRequestSettings,
    ProbeSettings,
    RequestLogging,
    ResourceRequirementsSettings,
    ResourceSettings,
    TargetUtilizationScaleSettings,
)
from teal.sdk import MLClient
from tests.harness.arm import Arm

ENTITIES = [
    (load_online_endpoint, ManagedOnlineEndpoint(name="e", auth_mode="aml_token", traffic={"blue": 100})),
    (
        load_online_endpoint,
        ManagedOnlineEndpoint(
            name="e",
            tags={"a": "1"},
            mirror_traffic={"green": 10},
            public_network_access="disabled",
            identity=IdentityConfiguration(
                type="user_assigned", user_assigned_identities=[ManagedIdentityConfiguration(resource_id="/r")]
            ),
        ),
    ),
    (load_online_endpoint, KubernetesOnlineEndpoint(name="k", compute="azureml:k8s")),
    (
        load_online_deployment,
        ManagedOnlineDeployment(
            name="blue",
            endpoint_name="e",
            model="azureml:m:1",
            code_configuration=CodeConfiguration("/code", "score.py"),
            environment=Environment(name="py", image="python:3.11", conda_file={"dependencies": ["python=3.11"]}),
            environment_variables={"A": "1"},
            instance_type="Standard_DS3_v2",
            instance_count=2,
            request_settings=OnlineRequestSettings(4, 3000),
            liveness_probe=ProbeSettings(period=3),
            data_collector=DataCollector(
                {"request": DeploymentCollection(enabled="true")},
                sampling_rate=0.5,
                request_logging=RequestLogging(capture_headers=["x"]),
            ),
        ),
    ),
    (
        load_online_deployment,
        KubernetesOnlineDeployment(
            name="blue",
            endpoint_name="k",
            scale_settings=TargetUtilizationScaleSettings(min_instances=1, max_instances=3),
            resources=ResourceRequirementsSettings(requests=ResourceSettings(cpu="0.1", memory="1Gi")),
        ),
    ),
    (load_model, Model(name="m", version="1", path="/m.pkl", type="mlflow_model", tags={"ü": "ß"})),
    (load_environment, Environment(name="py", version="2", image="python:3.11", os_type="linux")),
    (load_environment, Environment(name="b", build=BuildContext(path="/context", dockerfile_path="Dockerfile"))),
]


@pytest.mark.parametrize(("load", "entity"), ENTITIES, ids=lambda each: getattr(each, "name", ""))
def test_what_is_dumped_is_loaded_as_the_same(load, entity, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    entity.dump(tmp_path / "entity.yml")
    assert load(tmp_path / "entity.yml") == entity
    stream = io.StringIO()
    plain = entity.dump(dest=stream)
    assert yaml.safe_load(stream.getvalue()) == yaml.safe_load(str(entity)) == plain


def test_what_the_server_gave_can_be_dumped_and_sent_again(arm: Arm, client: MLClient, tmp_path: Path) -> None:
    client.begin_create_or_update(ManagedOnlineEndpoint(name="e", tags={"a": "1"})).result()
    first = client.online_endpoints.get("e")
    assert first.etag
    first.dump(tmp_path / "e.yml")
    again = load_online_endpoint(tmp_path / "e.yml")
    client.begin_create_or_update(again).result()
    assert client.online_endpoints.get("e") == first
    assert "etag" not in first.dump()
