"""Runs, what they log, and models of runs, with the stock client: addresses of artifacts are of Azure's kind."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness.teal import FREE_PORTS, TealServer

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient


@pytest.fixture
def tracking(server: TealServer) -> None:
    """From here on the server knows where MLflow is: Teal's own environment has none."""
    server.must("down")
    server.environ["TEAL_TRACKING_PYTHON"] = sys.executable
    server.must("up", "--detach", *FREE_PORTS)


def test_a_run_lists_what_it_logged_and_nothing_else(
    tracking: None, client: "MlflowClient", frame: "pd.DataFrame", tmp_path: Path
) -> None:
    import mlflow
    from sklearn.linear_model import LinearRegression

    mlflow.set_experiment("stock")
    with mlflow.start_run():
        mlflow.log_text("of another run", "other.txt")
    rows = frame[["age", "chol"]].astype(float)
    with mlflow.start_run() as run:
        mlflow.log_text("first", "notes/a.txt")
        mlflow.log_text("second", "notes/a.txt")
        mlflow.log_text("b", "b.txt")
        info = mlflow.sklearn.log_model(
            LinearRegression().fit(rows, rows["age"]),
            name="model",
            pip_requirements=["scikit-learn"],
            registered_model_name="stock-tracked",
        )
    id = run.info.run_id
    assert run.info.artifact_uri.endswith(f"/runs/{id}/artifacts")
    assert sorted(each.path for each in client.list_artifacts(id)) == ["b.txt", "notes"]
    assert [each.path for each in client.list_artifacts(id, "notes")] == ["notes/a.txt"]
    for uri in (f"runs:/{id}/notes/a.txt", f"{run.info.artifact_uri}/notes/a.txt"):
        assert mlflow.artifacts.load_text(uri) == "second"
    folder = mlflow.artifacts.download_artifacts(run_id=id, dst_path=str(tmp_path))
    assert sorted(path.name for path in Path(folder).rglob("*.txt")) == ["a.txt", "b.txt"]

    version = mlflow.register_model(f"runs:/{id}/model", "stock-tracked")
    assert (version.version, version.run_id) == ("2", id)
    assert client.get_model_version("stock-tracked", "1").run_id == id
    for uri in ("models:/stock-tracked/1", "models:/stock-tracked/2", info.model_uri, f"runs:/{id}/model"):
        assert len(mlflow.pyfunc.load_model(uri).predict(rows)) == len(rows)
