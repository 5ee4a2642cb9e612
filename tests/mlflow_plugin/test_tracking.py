"""Experiments and runs, kept by MLflow's own server behind Teal's address, and models that runs have logged."""

from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from tests.harness.teal import TealServer
from tests.harness.waiting import wait_until_sync

if TYPE_CHECKING:
    import pandas as pd


def test_a_run_its_artifacts_and_its_model(tracking_uri: str, frame: "pd.DataFrame", tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression

    mlflow.set_experiment("plugin")
    rows = frame[["age", "chol"]].astype(float)
    with mlflow.start_run() as run:
        mlflow.log_param("a", 1)
        mlflow.log_metric("m", 0.5)
        mlflow.log_metric("later", 0.25, synchronous=False)
        mlflow.log_text("first", "notes/a.txt")
        mlflow.log_text("second", "notes/a.txt")
        model = LinearRegression().fit(rows, rows["age"])
        mlflow.sklearn.log_model(
            model, name="model", input_example=rows.head(2), pip_requirements=["scikit-learn"],
            registered_model_name="tracked",
        )  # fmt: skip
    client = mlflow.MlflowClient()
    found = client.get_run(run.info.run_id).data
    assert found.params == {"a": "1"}
    assert found.metrics == {"m": 0.5, "later": 0.25}
    assert run.info.artifact_uri.startswith("teal://")
    assert [each.path for each in client.list_artifacts(run.info.run_id, "notes")] == ["notes/a.txt"]
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/notes/a.txt") == "second"

    version = mlflow.register_model(f"runs:/{run.info.run_id}/model", "tracked")
    assert (version.version, version.run_id) == ("2", run.info.run_id)
    assert [v.version for v in client.search_model_versions(f"run_id = '{run.info.run_id}'")] == ["2", "1"]
    underlying = mlflow.store.artifact.runs_artifact_repo.RunsArtifactRepository.get_underlying_uri
    for source in (f"runs:/{run.info.run_id}/model", underlying(f"runs:/{run.info.run_id}/model"), "models:/tracked/1"):
        made = client.create_model_version("tracked", source, run_id=run.info.run_id)
        assert made.run_id == run.info.run_id, "as MLflow's documents do it"
    with pytest.raises(MlflowException, match="has logged no model 'other'"):
        client.create_model_version("tracked", f"runs:/{run.info.run_id}/other")
    for uri in ("models:/tracked/1", "models:/tracked/3", "models:/tracked/4", f"runs:/{run.info.run_id}/model"):
        assert len(mlflow.pyfunc.load_model(uri).predict(rows)) == len(rows)


def test_a_model_of_a_run_is_deployed(tracking_uri: str, frame: "pd.DataFrame") -> None:
    from mlflow.deployments import get_deploy_client
    from sklearn.linear_model import LinearRegression

    mlflow.set_experiment("plugin")
    rows = frame[["age"]].astype(float)
    fitted = LinearRegression().fit(rows, rows["age"])
    with mlflow.start_run() as run:
        logged = mlflow.sklearn.log_model(fitted, name="model", input_example=rows.head(2))
    client = get_deploy_client(tracking_uri)
    client.create_deployment("of-a-run", f"runs:/{run.info.run_id}/model", config={"instance_count": 1})
    assert client.predict("of-a-run", rows.head(2))[0].tolist() == pytest.approx(rows["age"].head(2).tolist())
    assert logged.model_uri.startswith("models:/m-"), "as MLflow 3 calls what log_model has written"
    changed = client.update_deployment("of-a-run", logged.model_uri, config={"async": True})
    assert changed["properties"]["model"].endswith("/models/of-a-run-model/versions/2")
    client.delete_endpoint("of-a-run")


def test_autologging_finds_its_way(tracking_uri: str, frame: "pd.DataFrame") -> None:
    from sklearn.linear_model import LinearRegression

    mlflow.set_experiment("auto")
    mlflow.sklearn.autolog(log_models=False)
    try:
        LinearRegression().fit(frame[["age"]], frame["chol"])
    finally:
        mlflow.sklearn.autolog(disable=True)
    assert "training_mean_squared_error" in mlflow.search_runs(experiment_names=["auto"]).to_string()


def test_workspaces_have_experiments_of_their_own(tracking_uri: str, server: TealServer) -> None:
    other = f"{tracking_uri}/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    mlflow.MlflowClient().create_experiment("only here")
    assert mlflow.MlflowClient(other).get_experiment_by_name("only here") is None


def test_what_is_not_about_runs_is_not_passed_on(tracking_uri: str, server: TealServer) -> None:
    from teal.mlflow.targets import find_target

    with server.client() as client:
        root = find_target(tracking_uri).api_url
        for path in ("2.0/mlflow/users/create", "2.0/mlflow/webhooks", "3.0/mlflow/gateway/secrets", "2.0/mlflow/../x"):
            answer = client.post(f"{root}/api/{path}", json={})
            assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
        client.headers.pop("Authorization")
        assert client.post(f"{root}/api/2.0/mlflow/runs/search", json={}).status_code == 401


def test_errors_of_mlflow_arrive_as_they_are(tracking_uri: str) -> None:
    with pytest.raises(MlflowException, match="nope"):
        mlflow.get_run("nope")


def test_a_killed_server_takes_its_tracking_along(tracking_uri: str, server: TealServer) -> None:
    mlflow.search_experiments()
    assert count_tracking(server) >= 1
    server.kill_control_plane()
    wait_until_sync(lambda: count_tracking(server) == 0, within_s=20)
    server.environ["TEAL_TRACKING_IDLE_S"] = "1"
    server.must("up", "--detach")
    assert mlflow.search_experiments(), "what was logged is still there"
    wait_until_sync(lambda: count_tracking(server) == 0, within_s=20)
    assert mlflow.search_experiments(), "a process that nobody asked has ended, and starts again"


def count_tracking(server: TealServer) -> int:
    """This server's tracking processes: they live in its data directory."""
    import psutil

    found = 0
    for process in psutil.process_iter(["cmdline", "cwd", "status"]):
        is_tracking = any(word.endswith("tracking_app.py") for word in process.info["cmdline"] or [])
        is_ours = Path(process.info["cwd"] or "/").is_relative_to(server.data_dir)
        found += is_tracking and is_ours and process.info["status"] != "zombie"
    return found
