from dataclasses import replace

import pytest

from teal.domain.artifacts import (
    ArtifactPlace,
    format_artifact_path,
    format_datastore_uri,
    parse_artifact_path,
    parse_model_source,
)
from teal.domain.assets import AssetVersion
from teal.domain.errors import InvalidInput
from teal.domain.registry import Stage, number_of, parse_alias, parse_stage, stage_of
from teal.domain.resource_ids import AssetKind, WorkspaceId

WORKSPACE = WorkspaceId("s", "g", "w")
VERSION = AssetVersion(
    workspace=WORKSPACE, kind=AssetKind.MODEL, name="m", version="1", body={}, created_at=1.0, modified_at=1.0
)


def test_archived_is_a_stage_whichever_client_archived_it() -> None:
    assert stage_of(VERSION) is Stage.NONE
    assert stage_of(replace(VERSION, body={"stage": "production"})) is Stage.PRODUCTION
    assert stage_of(replace(VERSION, body={"stage": "Production"}, is_archived=True)) is Stage.ARCHIVED
    assert stage_of(replace(VERSION, body={"stage": "Archived"})) is Stage.NONE, "restored by the other client"


def test_stages_are_known_in_any_case() -> None:
    assert parse_stage("production") is Stage.PRODUCTION
    with pytest.raises(InvalidInput, match="None, Staging, Production, Archived"):
        parse_stage("Live")


@pytest.mark.parametrize("text", ["latest", "LATEST", "v1", "V12", "", "a b", "a/b", "x" * 256])
def test_aliases_that_mean_something_else_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_alias(text)


def test_numbers_of_versions() -> None:
    assert [number_of(text) for text in ("12", "1.0", "x")] == [12, 0, 0]


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("azureml://artifacts/LocalUpload/x/model", "LocalUpload/x/model"),
        ("azureml://HOST:1/artifacts/LocalUpload/x/model", "LocalUpload/x/model"),
        ("teal://h:1/mlflow/v2.0/subscriptions/s/artifacts/LocalUpload/x/model", "LocalUpload/x/model"),
        ("azureml://artifacts/Datastore/workspaceblobstore/a/b", "a/b"),
        (format_datastore_uri(WORKSPACE, "LocalUpload/x/model"), "LocalUpload/x/model"),
    ],
)
def test_every_clients_address_is_the_same_files(source: str, path: str) -> None:
    assert parse_model_source(source) == path


@pytest.mark.parametrize(
    "source",
    [
        "/etc/passwd", "file:///etc", "https://example.com/model", "azureml://artifacts/LocalUpload/../../x/y",
        "azureml://artifacts/a//b/c", "dbfs:/x", format_datastore_uri(WORKSPACE, "a/../b"), "",
    ],
)  # fmt: skip
def test_what_is_not_in_the_store_cannot_be_registered(source: str) -> None:
    with pytest.raises(InvalidInput):
        parse_model_source(source)


@pytest.mark.parametrize("path", ["model.pkl", "a/model", "LocalUpload/x/model"])
def test_artifact_paths_lead_back(path: str) -> None:
    written = format_artifact_path(path)
    assert written.count("/") >= 2
    assert parse_artifact_path(written) == path
    origin, container, rest = written.split("/", 2)
    assert f"{ArtifactPlace(origin, container).prefix}{rest}" == path
