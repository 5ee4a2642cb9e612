"""Verbs on artifacts: files by origin, container and path, as the artifact service of MLflow's clients has them
(`spec/mlflow.md` §4). The files are blobs of the datastore; what is uploaded goes to blob addresses. Called by
api/mlflow/artifacts.py."""

from collections.abc import Sequence

from teal.domain.artifacts import RUNS, ArtifactPlace, parse_artifact_path
from teal.domain.blobs import DATASTORE_CONTAINER
from teal.domain.errors import InvalidInput, NotFound
from teal.store import blobs as stored
from teal.store.blob_paths import check_blob_path
from teal.store.database import Transaction


def list_artifacts(tx: Transaction, place: ArtifactPlace) -> list[str]:
    """The paths of all files of a container."""
    prefix = place.prefix
    return [blob.path.removeprefix(prefix) for blob in stored.list_blobs(tx, DATASTORE_CONTAINER, prefix)]


def find_artifact(tx: Transaction, place: ArtifactPlace, path: str) -> str:
    """The blob path of one file."""
    blob_path = plan_artifact(place, path)
    if stored.load_blob(tx, DATASTORE_CONTAINER, blob_path) is None:
        raise NotFound(f"There is no artifact '{path}' in {place.origin}/{place.container}.", target=path)
    return blob_path


def prepare_uploads(tx: Transaction, place: ArtifactPlace, paths: Sequence[str]) -> dict[str, str]:
    """Path -> the blob path to send it to. What a run logged before under the same path makes room, because clients
    send `If-None-Match: *` (`spec/mlflow.md` §4.2); registered models keep their own copy."""
    planned = {path: plan_artifact(place, path) for path in paths}
    if place.origin.startswith(RUNS):
        for blob_path in planned.values():
            stored.delete_blob(tx, DATASTORE_CONTAINER, blob_path)
    return planned


def plan_artifact(place: ArtifactPlace, path: str) -> str:
    """The blob path of a file, which cannot lead out of its container."""
    if not path or path.startswith("/") or path.endswith("/"):
        raise InvalidInput(f"'{path}' is not the path of a file in a container.", target="path")
    blob_path = parse_artifact_path(f"{place.origin}/{place.container}/{path}")
    check_blob_path(blob_path)
    return blob_path
