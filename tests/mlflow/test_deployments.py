"""The stock deployments client in full (`spec/mlflow.md` §5), over one endpoint with one deployment."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import pandas as pd

ENDPOINT = "stock"


@pytest.fixture(scope="module")
def deployments(tracking_uri: str, saved_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client, and `stock` with `blue` in it."""
    from mlflow import MlflowClient
    from mlflow.deployments import get_deploy_client

    registry = MlflowClient()
    registry.create_registered_model("stock-model")
    registry.create_model_version("stock-model", f"file://{saved_model}")
    registry.set_registered_model_alias("stock-model", "champion", "1")
    found = get_deploy_client(tracking_uri)
    folder = tmp_path_factory.mktemp("config")
    found.create_endpoint(ENDPOINT, config=endpoint_file(folder, auth_mode="key", tags={"a": "b"}))
    found.create_deployment("blue", "models:/stock-model@champion", endpoint=ENDPOINT, config=deployment_file(folder))
    found.update_endpoint(ENDPOINT, config=endpoint_file(folder, traffic={"blue": 100}))
    yield found
    found.delete_endpoint(ENDPOINT)


def test_endpoints_are_read_and_listed(deployments: Any) -> None:
    endpoint = deployments.get_endpoint(ENDPOINT)
    assert (endpoint["name"], endpoint["properties"]["authMode"]) == (ENDPOINT, "Key")
    assert endpoint["properties"]["traffic"] == {"blue": 100}
    assert endpoint["tags"] == {"a": "b"}
    assert ENDPOINT in [each["name"] for each in deployments.list_endpoints()]


def test_deployments_are_read_and_listed(deployments: Any) -> None:
    blue = deployments.get_deployment("blue", ENDPOINT)
    assert blue["properties"]["model"].endswith("/models/stock-model/versions/1"), "what the alias meant"
    assert blue["flavor"] == "python_function"
    assert [each["name"] for each in deployments.list_deployments(ENDPOINT)] == ["blue"]
    everywhere = [each for each in deployments.list_deployments() if each["endpointName"] == ENDPOINT]
    assert everywhere[0]["scoringUri"].endswith(f"/endpoints/{ENDPOINT}/score")


def test_predictions_of_frames_arrays_and_by_name(deployments: Any, frame: "pd.DataFrame") -> None:
    whole = deployments.predict(endpoint=ENDPOINT, df=frame)
    assert len(whole) == len(frame)
    assert list(deployments.predict("blue", df=frame.head(2), endpoint=ENDPOINT)) == list(whole[:2])


def test_what_does_not_fit_the_model_is_said_by_column(deployments: Any, frame: "pd.DataFrame") -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises((MlflowException, Exception), match="chol"):
        deployments.predict(endpoint=ENDPOINT, df=frame.drop(columns=["chol"]))


def test_an_update_changes_what_it_names(deployments: Any, tmp_path: Path) -> None:
    deployments.update_endpoint(ENDPOINT, config=endpoint_file(tmp_path, tags={"c": "d"}))
    endpoint = deployments.get_endpoint(ENDPOINT)
    assert (endpoint["tags"], endpoint["properties"]["traffic"]) == ({"a": "b", "c": "d"}, {"blue": 100})
    variables = {"environment_variables": {"A": "1"}, "instance_count": 1}
    deployments.update_deployment("blue", endpoint=ENDPOINT, config=deployment_file(tmp_path, **variables))
    blue = deployments.get_deployment("blue", ENDPOINT)
    assert blue["properties"]["environmentVariables"] == {"A": "1"}
    assert blue["properties"]["model"].endswith("/models/stock-model/versions/1")


def test_traffic_that_cannot_be_is_refused_in_words(deployments: Any, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="must sum to 0 or 100"):
        deployments.update_endpoint(ENDPOINT, config=endpoint_file(tmp_path, traffic={"blue": 60}))
    with pytest.raises(Exception, match="does not exist"):
        deployments.update_endpoint(ENDPOINT, config=endpoint_file(tmp_path, traffic={"red": 100}))


def test_a_deployment_with_all_traffic_is_deleted_with_its_share(
    deployments: Any, saved_model: Path, tmp_path: Path
) -> None:
    config = {**deployment_file(tmp_path)}
    deployments.create_deployment("alone", f"file://{saved_model}", config=config)
    assert deployments.get_endpoint("alone")["properties"]["traffic"] == {"alone": 100}
    assert deployments.get_deployment("alone")["properties"]["model"].endswith("/models/alone-model/versions/1")
    deployments.delete_deployment("alone", delete_empty_endpoint=True)
    assert "alone" not in [each["name"] for each in deployments.list_endpoints()]


def test_what_is_not_there_is_said(deployments: Any, tmp_path: Path) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="No deployment with name none found"):
        deployments.get_deployment("none")
    with pytest.raises(Exception, match="stock-model:9"):
        deployments.create_deployment(
            "red", "models:/stock-model/9", endpoint=ENDPOINT, config=deployment_file(tmp_path)
        )
    deployments.delete_endpoint("none")


# --- private


def endpoint_file(folder: Path, **values: Any) -> dict[str, str]:
    return {"endpoint-config-file": write(folder / "endpoint.json", values)}


def deployment_file(folder: Path, **values: Any) -> dict[str, str]:
    content = {"instance_type": "Standard_DS2_v2", "instance_count": 1, **values}
    return {"deploy-config-file": write(folder / "deployment.json", content)}


def write(path: Path, content: Any) -> str:
    path.write_text(json.dumps(content))
    return str(path)
