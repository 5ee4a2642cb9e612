"""The stock azure-ai-ml client against a whole server. Runs in an environment of its own (`make test-azure`), with
nothing of Teal in it but the variables of `teal env`."""

import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness.teal import FREE_PORTS, TealServer, teal_server

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from tests.azure.workbench import Workbench

# Teal's own environment has no Azure client, and `make test` runs this folder in one that has.
HAS_AZURE = importlib.util.find_spec("azure") is not None and importlib.util.find_spec("azure.ai.ml") is not None
collect_ignore_glob = [] if HAS_AZURE else ["test_*.py"]


def pytest_configure(config: pytest.Config) -> None:
    # What the clients of others warn about is theirs, from their import on.
    config.addinivalue_line("filterwarnings", "ignore")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TealServer]:
    with teal_server(tmp_path_factory.mktemp("azure"), python=find_teal_python()) as server:
        server.must("up", "--detach", *FREE_PORTS)
        yield server


@pytest.fixture(scope="session")
def variables(server: TealServer) -> Iterator[dict[str, str]]:
    """This process talks to the server like a shell after `eval "$(teal env)"`."""
    given: dict[str, str] = json.loads(server.must("env", "--json"))
    before = dict(os.environ)
    os.environ.update(given)
    yield given
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def client(variables: dict[str, str]) -> "MLClient":
    """Made as in every published notebook; names that nobody has used before."""
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    return MLClient(DefaultAzureCredential(), "my subscription", "my-group", "my-workspace")


@pytest.fixture
def bench(client: "MLClient", server: TealServer, tmp_path: Path) -> "Workbench":
    from tests.azure.workbench import Workbench

    return Workbench(client, server, tmp_path)


def find_teal_python() -> str:
    """The interpreter that has Teal: named by the Makefile, else the one of the repository's own environment."""
    own = Path(__file__).parents[2] / ".venv" / "bin" / "python"
    return os.environ.get("TEAL_PYTHON") or (str(own) if own.exists() else sys.executable)
