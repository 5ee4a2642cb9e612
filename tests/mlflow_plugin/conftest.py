"""Teal's own plugin, and tracking by MLflow's own server: in an environment that has `teal-endpoints[mlflow]`
(`make test-mlflow`). The server runs in the same one, so that it serves tracking."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.harness.teal import FREE_PORTS, TealServer, teal_server

if TYPE_CHECKING:
    import pandas as pd

# Teal's own environment for development has no MLflow.
HAS_MLFLOW = importlib.util.find_spec("mlflow") is not None and importlib.util.find_spec("teal") is not None
collect_ignore_glob = [] if HAS_MLFLOW else ["test_*.py"]


def pytest_configure(config: pytest.Config) -> None:
    # What MLflow warns about is its own, from its import on.
    config.addinivalue_line("filterwarnings", "ignore")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TealServer]:
    with teal_server(tmp_path_factory.mktemp("plugin")) as server:
        server.must("up", "--detach", *FREE_PORTS)
        yield server


@pytest.fixture(scope="session")
def here(server: TealServer) -> Iterator[None]:
    """This process finds the server by its data directory."""
    before = dict(os.environ)
    chosen = {name: value for name, value in server.environ.items() if name.startswith("TEAL_")}
    os.environ.update(chosen, MLFLOW_HTTP_REQUEST_MAX_RETRIES="1", MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false")
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def tracking_uri(server: TealServer, here: None) -> str:
    import mlflow

    uri = f"teal://{urlsplit(server.said['url']).netloc}"
    mlflow.set_tracking_uri(uri)
    return uri


@pytest.fixture(scope="session")
def frame(here: None) -> "pd.DataFrame":
    from tests.mlflow.models import build_frame

    return build_frame()


@pytest.fixture(scope="session")
def saved_model(here: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.mlflow.models import save_model

    return save_model(tmp_path_factory.mktemp("saved") / "model")
