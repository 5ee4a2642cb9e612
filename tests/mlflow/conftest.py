"""The stock MLflow client with Azure's plug-in against a whole server. Runs in an environment of its own
(`make test-mlflow`), with nothing of Teal in it but the variables of `teal env`.

Tests import `mlflow` when they run, never on top: the plug-in reads the variables when it is imported.
"""

import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.teal import FREE_PORTS, TealServer, teal_server

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient


def has_stock_client() -> bool:
    # Teal's own environment has no such client, and `make test` runs this folder in one that has.
    return all(importlib.util.find_spec(name) for name in ("mlflow", "azureml")) and bool(
        importlib.util.find_spec("azureml.mlflow")
    )


collect_ignore_glob = [] if has_stock_client() else ["test_*.py"]

WORKSPACE = "/subscriptions/my-sub/resourceGroups/my-group/providers/Microsoft.MachineLearningServices/workspaces/my-ws"


def pytest_configure(config: pytest.Config) -> None:
    # What the clients of others warn about is theirs, from their import on.
    config.addinivalue_line("filterwarnings", "ignore")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TealServer]:
    with teal_server(tmp_path_factory.mktemp("mlflow"), python=find_teal_python()) as server:
        server.must("up", "--detach", *FREE_PORTS)
        yield server


@pytest.fixture(scope="session")
def variables(server: TealServer) -> Iterator[dict[str, str]]:
    """This process talks to the server like a shell after `eval "$(teal env)"`."""
    given: dict[str, str] = json.loads(server.must("env", "--json"))
    before = dict(os.environ)
    os.environ.update(given, MLFLOW_HTTP_REQUEST_MAX_RETRIES="1", MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false")
    yield given
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def tracking_uri(variables: dict[str, str], server: TealServer) -> str:
    """As the workspace says it."""
    import mlflow

    with server.client() as client:
        uri = str(client.get(WORKSPACE).json()["properties"]["mlFlowTrackingUri"])
    mlflow.set_tracking_uri(uri)
    return uri


@pytest.fixture
def client(tracking_uri: str) -> "MlflowClient":
    from mlflow import MlflowClient

    return MlflowClient()


@pytest.fixture
def deployments(tracking_uri: str) -> Any:
    from mlflow.deployments import get_deploy_client

    return get_deploy_client(tracking_uri)


@pytest.fixture(scope="session")
def frame(variables: dict[str, str]) -> "pd.DataFrame":
    from tests.mlflow.models import build_frame

    return build_frame()


@pytest.fixture(scope="session")
def saved_model(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `mlflow.sklearn.save_model` writes; the folder is called `model`, as in the article."""
    from tests.mlflow.models import save_model

    return save_model(tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a notebook runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def find_teal_python() -> str:
    """The interpreter that has Teal: named by the Makefile, else the one of the repository's own environment."""
    own = Path(__file__).parents[2] / ".venv" / "bin" / "python"
    return os.environ.get("TEAL_PYTHON") or (str(own) if own.exists() else sys.executable)
