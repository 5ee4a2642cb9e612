import io
from pathlib import Path

import pytest

from teal import load_environment, load_model, load_online_deployment, load_online_endpoint
from teal.entities import (
    Environment,
    KubernetesOnlineDeployment,
    KubernetesOnlineEndpoint,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    TargetUtilizationScaleSettings,
)
from teal.sdk import ValidationError
from teal.sdk.entities.dumping import dump
from teal.sdk.loading import parse_deployment_data, place_here

DEPLOYMENT = """\
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: blue
endpoint_name: my-endpoint
model:
  path: ../../model-1/model/
code_configuration:
  code: ../../model-1/onlinescoring/
  scoring_script: score.py
environment:
  conda_file: ../../model-1/environment/conda.yaml
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest
instance_type: Standard_DS3_v2
instance_count: 1
"""


def write(folder: Path, text: str, name: str = "it.yml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_paths_start_at_the_yaml_files_folder(tmp_path: Path) -> None:
    path = write(tmp_path / "managed" / "sample", DEPLOYMENT)
    blue = load_online_deployment(path)
    assert isinstance(blue, ManagedOnlineDeployment)
    assert isinstance(blue.model, Model)
    assert isinstance(blue.environment, Environment)
    assert blue.code_configuration is not None
    assert blue.model.path == str(tmp_path / "model-1" / "model")
    assert blue.code_configuration.code == str(tmp_path / "model-1" / "onlinescoring")
    assert blue.environment.conda_file == str(tmp_path / "model-1" / "environment" / "conda.yaml")
    assert (blue.instance_count, blue.environment.name) == (1, None)


@pytest.mark.parametrize("reference", ["azureml:m:1", "azureml:m@latest", "azureml://registries/r/models/m/versions/1"])
def test_a_model_may_be_named_instead_of_described(tmp_path: Path, reference: str) -> None:
    text = f"name: b\nendpoint_name: e\nmodel: {reference}\ncode_configuration: {{code: azureml:c:1}}\n"
    blue = load_online_deployment(write(tmp_path, text))
    assert blue.model == reference
    assert blue.code_configuration is not None
    assert blue.code_configuration.code == "azureml:c:1"


def test_an_unknown_key_is_refused_with_the_key_that_was_meant(tmp_path: Path) -> None:
    path = write(tmp_path, DEPLOYMENT.replace("instance_count", "instance_cout"))
    with pytest.raises(ValidationError, match=r"it\.yml: unknown key 'instance_cout'; did you mean 'instance_count'\?"):
        load_online_deployment(path)


def test_all_problems_of_a_file_are_named_at_once(tmp_path: Path) -> None:
    text = """\
name: blue
instance_count: many
app_insights_enabled: perhaps
request_settings: {request_timeout: 5000}
readiness_probe: 3
"""
    with pytest.raises(ValidationError) as raised:
        load_online_deployment(write(tmp_path, text))
    lines = str(raised.value).splitlines()
    assert len(lines) == 5
    for said in (
        "instance_count: must be a whole number, not 'many'",
        "app_insights_enabled: must be true or false",
        "request_settings: unknown key 'request_timeout'; did you mean 'request_timeout_ms'?",
        "readiness_probe: must be a map",
        "'endpoint_name' is missing",
    ):
        assert any(said in line for line in lines), said


def test_a_value_that_is_not_allowed_names_those_that_are(tmp_path: Path) -> None:
    path = write(tmp_path, "name: e\nauth_mode: keys\n")
    with pytest.raises(ValidationError, match=r"auth_mode: 'keys' is not allowed; did you mean 'key'\?.*aml_token"):
        load_online_endpoint(path)


def test_enums_are_read_in_any_case(tmp_path: Path) -> None:
    endpoint = load_online_endpoint(write(tmp_path, "name: e\nauth_mode: Key\nidentity: {type: SystemAssigned}\n"))
    assert endpoint.auth_mode == "key"
    assert endpoint.identity is not None
    assert endpoint.identity.type == "system_assigned"


def test_overrides_are_set_by_dotted_keys(tmp_path: Path) -> None:
    path = write(tmp_path, DEPLOYMENT)
    changes: list[dict[str, object]] = [
        {"name": "green"},
        {"instance_count": "2"},
        {"environment_variables.A": 1},
        {"model.path": "m.pkl"},
    ]
    green = load_online_deployment(path, params_override=changes)
    assert (green.name, green.instance_count, green.environment_variables) == ("green", 2, {"A": 1})
    assert isinstance(green.model, Model)
    assert green.model.path == str(tmp_path / "m.pkl")


def test_an_override_inside_a_word_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "name: e\n")
    with pytest.raises(ValidationError, match="'name' is 'e', not a map"):
        load_online_endpoint(path, params_override=[{"name.first": "x"}])


def test_more_than_a_hundred_percent_cannot_be_given_out(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="add up to 110"):
        load_online_endpoint(write(tmp_path, "name: e\ntraffic: {blue: 100, green: 10}\n"))


def test_kubernetes_kinds_are_told_by_type_compute_or_schema(tmp_path: Path) -> None:
    text = """\
name: b
type: kubernetes
endpoint_name: e
scale_settings: {type: target_utilization, max_instances: 3}
resources: {requests: {cpu: 0.1, memory: 0.2Gi}, limits: {nvidia.com/gpu: 1}}
"""
    deployment = load_online_deployment(write(tmp_path, text))
    assert isinstance(deployment, KubernetesOnlineDeployment)
    assert deployment.scale_settings == TargetUtilizationScaleSettings(max_instances=3)
    assert deployment.resources is not None
    assert deployment.resources.requests is not None
    assert deployment.resources.limits is not None
    assert (deployment.resources.requests.cpu, deployment.resources.limits.gpu) == ("0.1", "1")
    endpoint = load_online_endpoint(write(tmp_path, "name: e\ncompute: azureml:cluster\n"))
    assert isinstance(endpoint, KubernetesOnlineEndpoint)


def test_a_conda_file_is_not_an_environment(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="is a conda file, not an environment") as raised:
        load_environment(write(tmp_path, "channels: [conda-forge]\ndependencies: [python]\n"))
    assert "conda_file" in str(raised.value.hint)


def test_models_and_environments_load(tmp_path: Path) -> None:
    model = load_model(write(tmp_path, "name: m\nversion: 3\npath: model.pkl\ntags: {a: 1}\n"))
    assert (model.version, model.path, model.type) == ("3", str(tmp_path / "model.pkl"), "custom_model")
    environment = load_environment(
        write(tmp_path, "name: py\nimage: python:3.11\nconda_file: {dependencies: [python]}\nos_type: Linux\n")
    )
    assert (environment.conda_file, environment.os_type) == ({"dependencies": ["python"]}, "linux")


@pytest.mark.parametrize(
    ("text", "says"),
    [("a: [", "not valid YAML"), ("- a", "expected keys and values"), ("", "'name' is missing")],
)
def test_what_is_no_yaml_of_ours_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        load_online_endpoint(write(tmp_path, text))


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"No such file: nowhere\.yml"):
        load_model("nowhere.yml")
    with pytest.raises(ValidationError, match="is a folder"):
        load_model(tmp_path)


def test_an_open_file_is_read_too(tmp_path: Path) -> None:
    endpoint = load_online_endpoint(io.StringIO("name: e\n"))
    assert isinstance(endpoint, ManagedOnlineEndpoint)
    model = load_model(io.StringIO("name: m\npath: m.pkl\n"), relative_origin=str(tmp_path))
    assert model.path == str(tmp_path / "m.pkl")


def test_what_show_prints_loads_again_as_the_same_thing(tmp_path: Path) -> None:
    blue = load_online_deployment(write(tmp_path, DEPLOYMENT))
    blue.id, blue.provisioning_state = "/subscriptions/x", "Succeeded"
    again = parse_deployment_data(dump(blue), place_here("show"))
    assert {**dump(again), "id": blue.id, "provisioning_state": "Succeeded"} == dump(blue)


@pytest.mark.parametrize("text", ["tags: " + "[" * 3000 + "]" * 3000, "tags: " + "{a: " * 200 + "1" + "}" * 200])
def test_a_file_nested_without_end_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValidationError, match="nested more than 100 levels"):
        load_online_endpoint(io.StringIO(f"name: e\n{text}\n"))


def test_a_file_that_refers_to_itself_over_and_over_is_read_at_once() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))]
    with pytest.raises(ValidationError, match="unknown keys 'a0'"):
        load_online_endpoint(io.StringIO("name: e\n" + "\n".join(lines) + "\n"))
