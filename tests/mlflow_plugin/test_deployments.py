"""`get_deploy_client("teal")`: the same methods as Azure's plugin has, with configuration in place, and traffic."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from mlflow.deployments import get_deploy_client
from mlflow.exceptions import MlflowException

if TYPE_CHECKING:
    import pandas as pd

from tests.harness.teal import TealServer

ENDPOINT = "plugged"
SMALL = {"instance_type": "Standard_DS2_v2", "instance_count": 1}


@pytest.fixture(scope="module")
def client(tracking_uri: str, saved_model: Path) -> Iterator[Any]:
    """`plugged` with `blue`, which has all traffic, and `green`, which is sent copies."""
    import mlflow

    mlflow.register_model(str(saved_model), "plugged-model")
    mlflow.MlflowClient().set_registered_model_alias("plugged-model", "champion", "1")
    found = get_deploy_client("teal")
    found.create_endpoint(ENDPOINT, config={"auth_mode": "key", "tags": {"a": "b"}})
    found.create_deployment("blue", "models:/plugged-model/1", endpoint=ENDPOINT, config={**SMALL, "traffic": 100})
    green = found.create_deployment(
        "green", "models:/plugged-model@champion", endpoint=ENDPOINT, config={**SMALL, "mirror_traffic": 10}
    )
    assert green["flavor"] == "python_function"
    yield found
    found.delete_endpoint(ENDPOINT)


def test_traffic_and_copies_are_set_with_the_deployment(client: Any) -> None:
    properties = client.get_endpoint(ENDPOINT)["properties"]
    assert (properties["traffic"], properties["mirrorTraffic"]) == ({"blue": 100}, {"green": 10})
    blue, green = (client.get_deployment(name, ENDPOINT)["properties"] for name in ("blue", "green"))
    assert blue["model"] == green["model"]


def test_what_can_be_predicted_from(client: Any, frame: "pd.DataFrame") -> None:
    rows = frame.head(3)
    expected = client.predict(endpoint=ENDPOINT, inputs=rows)[0].tolist()
    assert len(expected) == 3
    assert client.predict("green", rows, endpoint=ENDPOINT)[0].tolist() == expected
    assert client.predict(endpoint=ENDPOINT, df=rows)[0].tolist() == expected
    split = json.loads(rows.to_json(orient="split"))
    assert client.predict(endpoint=ENDPOINT, inputs={"dataframe_split": split})[0].tolist() == expected
    columns = {name: rows[name].tolist() for name in rows.columns}
    assert client.predict(endpoint=ENDPOINT, inputs={"inputs": columns})[0].tolist() == expected
    records = {"dataframe_records": rows.to_dict(orient="records")}
    assert client.predict(endpoint=ENDPOINT, inputs=records)[0].tolist() == expected


def test_updates_name_what_changes(client: Any) -> None:
    client.update_endpoint(ENDPOINT, config={"traffic": {"blue": 90, "green": 10}, "mirror_traffic": {}})
    assert client.get_endpoint(ENDPOINT)["properties"]["traffic"] == {"blue": 90, "green": 10}
    with pytest.raises(MlflowException, match="90 percent of the traffic"):
        client.delete_deployment("blue", endpoint=ENDPOINT)
    changed = client.update_deployment("green", endpoint=ENDPOINT, config={"environment_variables": {"A": "1"}})
    assert changed["properties"]["environmentVariables"] == {"A": "1"}
    client.update_deployment("blue", endpoint=ENDPOINT, config={"traffic": 100})
    assert client.get_endpoint(ENDPOINT)["properties"]["traffic"] == {"blue": 100}


def test_a_stage_is_the_version_that_has_it_now(client: Any) -> None:
    import mlflow

    mlflow.MlflowClient().transition_model_version_stage("plugged-model", "1", "Production")
    changed = client.update_deployment("green", "models:/plugged-model/Production", endpoint=ENDPOINT)
    assert changed["properties"]["model"].endswith("/models/plugged-model/versions/1")
    with pytest.raises(MlflowException, match="no version in the stage 'Staging'"):
        client.update_deployment("green", "models:/plugged-model/Staging", endpoint=ENDPOINT)


@pytest.mark.parametrize("model", ["models:/plugged-model/9", "/"])
def test_a_refused_deployment_leaves_no_endpoint_of_its_name(client: Any, model: str) -> None:
    with pytest.raises(MlflowException):
        client.create_deployment("never", model)
    assert "never" not in [each["name"] for each in client.list_endpoints()]


def test_files_and_text_of_the_command_line(client: Any, tmp_path: Path) -> None:
    file = tmp_path / "endpoint.yml"
    file.write_text("description: from a file\ntags: {a: file}\n")
    client.update_endpoint(ENDPOINT, config={"endpoint-config-file": str(file), "tags": '{"a": "text"}'})
    endpoint = client.get_endpoint(ENDPOINT)
    assert (endpoint["properties"]["description"], endpoint["tags"]["a"]) == ("from a file", "text")


def test_deployments_are_listed_with_their_endpoints(client: Any) -> None:
    assert [each["name"] for each in client.list_deployments(ENDPOINT)] == ["blue", "green"]
    found = [each for each in client.list_deployments() if each["endpointName"] == ENDPOINT]
    assert found[0]["scoringUri"].endswith(f"/endpoints/{ENDPOINT}/score")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: c.create_deployment("red", "models:/plugged-model/9", endpoint=ENDPOINT), "plugged-model:9"),
        (lambda c: c.create_deployment("red", "models:/plugged-model", endpoint=ENDPOINT), "names no version"),
        (lambda c: c.create_deployment("red", "/", endpoint=ENDPOINT), "has no file 'MLmodel'"),
        (lambda c: c.create_deployment("red", "s3://x/y", endpoint=ENDPOINT), "models:/, runs:/ or a folder"),
        (lambda c: c.create_deployment("red", "models:/m/1", "spark", endpoint=ENDPOINT), "not by 'spark'"),
        (lambda c: c.create_deployment("red", "models:/m/1", endpoint="none"), "'none' does not exist"),
        (lambda c: c.update_deployment("none", endpoint=ENDPOINT, config={"instance_count": 2}), "none"),
        (lambda c: c.update_endpoint(ENDPOINT, config={"traffic": {"blue": 60}}), "sum to 0 or 100"),
        (lambda c: c.update_endpoint(ENDPOINT, config={"traffic": 60}), "is a map of percentages"),
        (lambda c: c.create_endpoint("new-one", config={"auth": "key"}), "auth"),
        (lambda c: c.create_endpoint("new-one", config={"deploy-config-file": "x"}), "does not belong here"),
        (lambda c: c.predict(), "deployment_name, endpoint, or both"),
        (lambda c: c.predict(endpoint=ENDPOINT), "nothing to predict from"),
        (lambda c: c.predict(endpoint=ENDPOINT, inputs=object()), "cannot be sent"),
        (lambda c: c.predict(endpoint=ENDPOINT, inputs=np.array([[1.0]])), "."),
    ],
)
def test_refusals_are_sentences(client: Any, call: Any, words: str) -> None:
    with pytest.raises(MlflowException, match=words):
        call(client)


def test_the_command_line_of_mlflow(client: Any, server: TealServer, frame: "pd.DataFrame", tmp_path: Path) -> None:
    from click.testing import CliRunner
    from mlflow.deployments.cli import commands

    def run(*words: str) -> str:
        done = CliRunner().invoke(commands, [*words, "-t", "teal"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return str(done.output)

    assert "endpoint-config-file" in run("help")
    assert "is updated" in run("update", "--name", "green", "--endpoint", ENDPOINT, "-C", "traffic=0")
    assert "blue" in run("list", "--endpoint", ENDPOINT)
    rows = tmp_path / "rows.json"
    frame.head(2).to_json(rows, orient="columns")
    assert json.loads(run("predict", "--endpoint", ENDPOINT, "--input-path", str(rows)).splitlines()[-1])
    refused = CliRunner().invoke(commands, ["get", "--name", "none", "--endpoint", ENDPOINT, "-t", "teal"])
    assert refused.output.startswith("Error: (NotFound) The deployment 'none' does not exist"), "and no traceback"


def test_run_local_makes_an_endpoint_of_its_own(
    client: Any, saved_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mlflow.deployments import run_local

    run_local("teal", "lonely", str(saved_model), config=SMALL)
    assert "lonely answers at http://" in capsys.readouterr().out
    assert client.get_endpoint("lonely")["properties"]["traffic"] == {"lonely": 100}
    client.delete_deployment("lonely", delete_empty_endpoint=True)
    assert "lonely" not in [each["name"] for each in client.list_endpoints()]
