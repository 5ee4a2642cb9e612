"""Addresses of artifacts: Azure's plug-in is shown a container for every run and every logged model."""

import pytest

from teal.domain.artifacts import (
    ArtifactPlace,
    fold_run_addresses,
    parse_artifact_path,
    parse_model_source,
    run_place,
    runs_origin,
    unfold_run_addresses,
)
from teal.domain.resource_ids import WorkspaceId

HERE = WorkspaceId("s", "g", "w")
ORIGIN = runs_origin(HERE)
ROOT = f"azureml://artifacts/{ORIGIN}"


@pytest.mark.parametrize(
    ("kept", "shown"),
    [
        (f"{ROOT}/0/9f8e/artifacts", "azureml://experiments/0/runs/9f8e/artifacts"),
        (f"{ROOT}/0/9f8e/artifacts/model", "azureml://experiments/0/runs/9f8e/artifacts/model"),
        (f"{ROOT}/0/models/m-1/artifacts", f"{ROOT}/dcid.0.m-1/artifacts"),
        (f"{ROOT}/0", f"{ROOT}/0"),
        (f"{ROOT}/0/9f8e/artifactsand", f"{ROOT}/0/9f8e/artifactsand"),
    ],
)
def test_a_run_is_shown_as_a_container(kept: str, shown: str) -> None:
    body = f'{{"uri": "{kept}", "other": "a/0/9f8e/artifacts"}}'.encode()
    folded = fold_run_addresses(body)
    assert folded == body.replace(kept.encode(), shown.encode())
    assert unfold_run_addresses(HERE, folded) == body


def test_both_forms_are_the_same_files() -> None:
    assert run_place(HERE, "0", "9f8e").prefix == f"{ORIGIN}/0/9f8e/artifacts/"
    assert ArtifactPlace(ORIGIN, "dcid.0.m-1").prefix == f"{ORIGIN}/0/models/m-1/"
    assert ArtifactPlace(ORIGIN, "0").prefix == f"{ORIGIN}/0/"
    path = f"{ORIGIN}/0/models/m-1/artifacts/model.pkl"
    assert parse_artifact_path(f"{ORIGIN}/dcid.0.m-1/artifacts/model.pkl") == path
    assert parse_model_source(f"{ROOT}/dcid.0.m-1/artifacts/model.pkl") == path
    assert parse_artifact_path("LocalUpload/dcid.0.1/x") == "LocalUpload/dcid.0.1/x", "of runs only"


def test_workspaces_have_origins_of_their_own_in_any_letters() -> None:
    assert runs_origin(WorkspaceId("S", "G", "W")) == ORIGIN
    assert runs_origin(WorkspaceId("s", "g", "other")) != ORIGIN
