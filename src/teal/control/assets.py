"""Verbs on versioned assets: models, environments, codes. Called by api."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from teal.control.requests import Accepted, Moment
from teal.domain.assets import AssetContainer, AssetVersion
from teal.domain.blobs import DATASTORE_CONTAINER, Blob
from teal.domain.errors import AlreadyExists, InvalidInput, NotFound, Unsupported
from teal.domain.mlflow_models import MLMODEL, find_mlflow_folder, is_mlflow_model
from teal.domain.names import parse_asset_name
from teal.domain.resource_ids import AssetKind, WorkspaceId, parse_datastore_path
from teal.store import assets as stored
from teal.store import blobs
from teal.store.database import Transaction

_OF_JOBS = ("runs:/", "azureml://jobs/")
_PATHS = {AssetKind.MODEL: "modelUri", AssetKind.CODE: "codeUri", AssetKind.DATA: "dataUri"}


def put_version(
    tx: Transaction,
    workspace: WorkspaceId,
    kind: AssetKind,
    name: str,
    version: str,
    body: Mapping[str, Any],
    moment: Moment,
) -> Accepted[AssetVersion]:
    """Create a version, or change what may change of it: tags, description, archived.

    The content of a version never changes: another path is refused (`spec/wire.md` §3.4 (11)), another environment
    definition is a conflict, on which clients rely for automatic versions (§3.5 (16)).
    """
    single = kind.removesuffix("s")
    parse_asset_name(f"{single} name", name)
    parse_asset_name(f"{single} version", version)
    current = stored.load_version(tx, workspace, kind, name, version)
    if current:
        _check_same_content(current, body)
    elif kind is AssetKind.MODEL and str(body.get("modelUri")).startswith(_OF_JOBS):
        raise Unsupported(
            f"The path '{body['modelUri']}' is a job's, and there are no jobs here.",
            target="properties.modelUri",
            hint="Register what an MLflow run has logged with mlflow.register_model, or give the files themselves.",
        )
    if current is None:
        _check_new_name(tx, workspace, kind, name)
    asset = AssetVersion(
        workspace=workspace,
        kind=kind,
        name=name,
        version=version,
        body={**current.body, **body} if current else dict(body),
        created_at=current.created_at if current else moment.now,
        modified_at=moment.now,
        is_archived=bool(body.get("isArchived", False)),
        seq=current.seq if current else 0,
    )
    return Accepted(stored.save_version(tx, asset), created=current is None, operation=None)


def find_model_file(
    tx: Transaction, workspace: WorkspaceId, name: str, version: str, body: Mapping[str, Any]
) -> Blob | None:
    """The uploaded MLmodel of an MLflow model that is about to be registered; refused where the files have none.

    None: it is another kind of model, or registered already, or its files are not there (yet), which is for the
    deployment to miss.
    """
    if not is_mlflow_model(body) or stored.load_version(tx, workspace, AssetKind.MODEL, name, version):
        return None
    try:
        path = parse_datastore_path(str(body.get("modelUri", "")))
    except InvalidInput:
        return None
    there = {
        blob.path.removeprefix(path).lstrip("/") or blob.path: blob
        for blob in blobs.list_blobs(tx, DATASTORE_CONTAINER, path)
        if f"{blob.path}/".startswith(f"{path}/")
    }
    if not there:
        return None
    folder = find_mlflow_folder(f"{name}:{version}", list(there))
    return there[f"{folder}/{MLMODEL}" if folder else MLMODEL]


def get_version(tx: Transaction, workspace: WorkspaceId, kind: AssetKind, name: str, version: str) -> AssetVersion:
    asset = stored.load_version(tx, workspace, kind, name, version)
    if asset is None:
        raise NotFound(
            f"The {kind.removesuffix('s')} '{name}' has no version '{version}' in the workspace '{workspace.name}'.",
            target=f"{name}:{version}",
        )
    return asset


def list_versions(
    tx: Transaction, workspace: WorkspaceId, kind: AssetKind, name: str, *, archived: bool | None = None
) -> Sequence[AssetVersion]:
    """Versions of one name, newest created first; `archived` None: all, False: active ones, True: archived ones."""
    return stored.list_versions(tx, workspace, kind, name, archived=archived)


def get_container(tx: Transaction, workspace: WorkspaceId, kind: AssetKind, name: str) -> AssetContainer:
    container = stored.load_container(tx, workspace, kind, name)
    if container is None:
        raise NotFound(
            f"The {kind.removesuffix('s')} '{name}' does not exist in the workspace '{workspace.name}'.", target=name
        )
    return container


def list_containers(
    tx: Transaction, workspace: WorkspaceId, kind: AssetKind, *, archived: bool | None = None
) -> Sequence[AssetContainer]:
    """By name, as people named them: without those that clients made for one deployment only."""
    return [c for c in stored.list_containers(tx, workspace, kind, archived=archived) if not c.is_anonymous]


def put_container(
    tx: Transaction, workspace: WorkspaceId, kind: AssetKind, name: str, body: Mapping[str, Any]
) -> AssetContainer:
    """Archive or restore all versions of a name at once (`spec/wire.md` §3.4 (15))."""
    get_container(tx, workspace, kind, name)
    stored.save_container_state(tx, workspace, kind, name, bool(body.get("isArchived", False)), dict(body))
    return get_container(tx, workspace, kind, name)


def find_code(tx: Transaction, workspace: WorkspaceId, sha256: str) -> AssetVersion | None:
    """Code with the same content, whatever its name: clients ask under a random one (`spec/wire.md` §3.3 (5))."""
    return stored.find_code_by_hash(tx, workspace, sha256)


# --- private


def _check_new_name(tx: Transaction, workspace: WorkspaceId, kind: AssetKind, name: str) -> None:
    """Names keep their case, and who types another one means the same thing."""
    other = stored.find_name_in_other_case(tx, workspace, kind, name)
    if other and not stored.list_versions(tx, workspace, kind, name):
        single = kind.removesuffix("s")
        raise AlreadyExists(
            f"There is a {single} '{other}' already: names that differ only in case are not told apart.",
            target="name",
            hint=f"Write '{other}', or take another name.",
        )


def _check_same_content(current: AssetVersion, body: Mapping[str, Any]) -> None:
    if (member := _PATHS.get(current.kind)) and body.get(member, current.body.get(member)) != current.body.get(member):
        raise InvalidInput("Asset paths cannot be updated.", target=member)
    if current.kind is AssetKind.ENVIRONMENT and _definition(body) != _definition(current.body):
        raise AlreadyExists(
            f"The environment '{current.name}' has a version '{current.version}' with other content.",
            target=f"{current.name}:{current.version}",
            hint="Versions do not change; create a new one.",
        )


def _definition(body: Mapping[str, Any]) -> str:
    content = {k: body.get(k) for k in ("image", "condaFile", "build", "inferenceConfig", "osType") if body.get(k)}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
