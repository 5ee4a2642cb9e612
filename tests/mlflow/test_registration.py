"""Registering, finding and fetching models with the stock MLflow client and azureml-mlflow (`spec/mlflow.md` §3)."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.teal import TealServer
from tests.mlflow.conftest import WORKSPACE

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient


def test_a_folder_becomes_versions_by_relative_and_whole_paths(
    client: "MlflowClient", folder: Path, saved_model: Path
) -> None:
    import mlflow

    shutil.copytree(saved_model, folder / "model")
    client.create_registered_model("paths", tags={"team": "a"}, description="by path")
    assert client.create_model_version("paths", "file://model").version == "1"
    assert client.create_model_version("paths", f"file://{saved_model}").version == "2"
    assert mlflow.register_model("file://model", "paths").version == "3"
    assert [each.version for each in client.search_model_versions("name = 'paths'")] == ["3", "2", "1"]
    model = client.get_registered_model("paths")
    assert (model.description, model.tags, model.latest_versions[0].version) == ("by path", {"team": "a"}, "3")


def test_what_was_registered_comes_back_whole(client: "MlflowClient", saved_model: Path, frame: "pd.DataFrame") -> None:
    import mlflow

    client.create_registered_model("whole")
    client.create_model_version("whole", f"file://{saved_model}")
    client.set_registered_model_alias("whole", "champion", "1")
    fetched = Path(mlflow.artifacts.download_artifacts("models:/whole/1"))
    for file in saved_model.rglob("*"):
        if file.is_file():
            assert (fetched / file.relative_to(saved_model)).read_bytes() == file.read_bytes()
    predictions = mlflow.pyfunc.load_model("models:/whole@champion").predict(frame)
    assert len(predictions) == len(frame)


def test_aliases_tags_stages_and_descriptions(client: "MlflowClient", saved_model: Path) -> None:
    client.create_registered_model("words")
    for _ in range(2):
        client.create_model_version("words", f"file://{saved_model}")
    client.set_registered_model_alias("words", "champion", "1")
    assert client.get_model_version_by_alias("words", "champion").aliases == ["champion"]
    client.set_model_version_tag("words", "1", "k", "v")
    client.update_model_version("words", "1", description="first")
    found = client.get_model_version("words", "1")
    assert (found.tags, found.description) == ({"k": "v"}, "first")
    assert client.transition_model_version_stage("words", "1", "Production").current_stage == "Production"
    moved = client.transition_model_version_stage("words", "2", "Production", archive_existing_versions=True)
    assert (moved.current_stage, client.get_model_version("words", "1").current_stage) == ("Production", "Archived")
    assert [each.name for each in client.search_registered_models("name LIKE 'wor%'")] == ["words"]
    client.delete_registered_model_alias("words", "champion")
    client.delete_model_version("words", "2")
    client.rename_registered_model("words", "other-words")
    client.delete_registered_model("other-words")
    assert not client.search_model_versions("name = 'other-words'")


def test_the_other_client_sees_the_same_models(
    client: "MlflowClient", server: TealServer, saved_model: Path, tmp_path: Path
) -> None:
    import mlflow
    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import Model
    from azure.identity import DefaultAzureCredential

    ml_client = MLClient(DefaultAzureCredential(), *(WORKSPACE.split("/")[index] for index in (2, 4, 8)))
    client.create_registered_model("shared")
    client.create_model_version("shared", f"file://{saved_model}")
    second = ml_client.models.create_or_update(Model(name="shared", path=str(saved_model), type="mlflow_model"))
    assert second.version == "2"
    assert client.create_model_version("shared", f"file://{saved_model}").version == "3"
    assert [each.version for each in ml_client.models.list("shared")] == ["3", "2", "1"]
    assert [each.version for each in client.search_model_versions("name = 'shared'")] == ["3", "2", "1"]

    ml_client.models.download("shared", "1", download_path=str(tmp_path))
    assert len(list(tmp_path.rglob("MLmodel"))) == 1
    assert "MLmodel" in os.listdir(mlflow.artifacts.download_artifacts("models:/shared/2"))
    one_file = tmp_path / "weights.bin"
    one_file.write_bytes(b"weights")
    ml_client.models.create_or_update(Model(name="file", path=str(one_file)))
    assert Path(mlflow.artifacts.download_artifacts("models:/file/1", dst_path=str(tmp_path / "x"))).exists()

    ml_client.models.archive("shared", "3")
    assert client.get_model_version("shared", "3").current_stage == "Archived"
    assert ml_client.models.get("shared", label="latest").version == "2"
    client.transition_model_version_stage("shared", "2", "Archived")
    assert [each.version for each in ml_client.models.list("shared")] == ["1"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: c.get_registered_model("none"), "RESOURCE_DOES_NOT_EXIST: The model 'none' does not exist"),
        (lambda c: c.create_model_version("refused", "/etc"), "not in the store of this server"),
        (
            lambda c: c.create_model_version("refused", "azureml://artifacts/LocalUpload/none/model"),
            "no file 'MLmodel'",
        ),
        (lambda c: c.create_registered_model("refused"), "RESOURCE_ALREADY_EXISTS"),
        (lambda c: c.create_registered_model("a name"), "not a valid model name"),
        (lambda c: c.get_model_version_by_alias("refused", "x"), "has no alias 'x'"),
        (lambda c: c.set_registered_model_alias("refused", "latest", "1"), "cannot be an alias"),
        (lambda c: c.search_model_versions("colour = 'red'"), "cannot be searched by"),
        (lambda c: c.create_experiment("e"), "teal-endpoints\\[mlflow\\]"),
    ],
)
def test_refusals_are_sentences(client: "MlflowClient", call: Any, words: str) -> None:
    from mlflow.exceptions import MlflowException

    if not client.search_registered_models("name = 'refused'"):
        client.create_registered_model("refused")
    with pytest.raises(MlflowException, match=words):
        call(client)
