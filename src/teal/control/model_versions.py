"""Verbs on versions of models as MLflow's registry has them (`spec/mlflow.md` §3). Called by api/mlflow.

The rows are those of ARM's models: body members `stage`, `jobName` (the run), `source` (where a run logged it).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from teal.control.registered_models import (
    MODEL,
    change_body,
    check_unused,
    find_labelled,
    list_latest,
    require_model,
    tag_fits,
)
from teal.control.requests import Moment
from teal.domain.artifacts import ARTIFACTS, UPLOADS, format_artifact_path, format_datastore_uri
from teal.domain.assets import AssetVersion
from teal.domain.blobs import DATASTORE_CONTAINER, Blob
from teal.domain.errors import InvalidInput, NotFound
from teal.domain.registry import Stage, number_of, stage_of
from teal.domain.resource_ids import WorkspaceId, parse_datastore_path
from teal.domain.searches import Comparison, Order, fits
from teal.store import assets as stored
from teal.store import blobs as stored_blobs
from teal.store import registry as stored_registry
from teal.store.database import Transaction
from teal.store.registry import RowFilter

MODEL_FILE = "MLmodel"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """What a client says of a version it registers. `path` is where its files are in the store."""

    path: str
    flavors: Mapping[str, Any]
    run_id: str | None = None
    run_link: str | None = None
    description: str | None = None
    tags: Mapping[str, str]


def find_model_file(tx: Transaction, path: str) -> Blob:
    """The MLmodel file of a folder in the store; refused where there is none (`spec/mlflow.md` §3.3)."""
    blob = stored_blobs.load_blob(tx, DATASTORE_CONTAINER, f"{path}/{MODEL_FILE}")
    if blob is None:
        folder = path.rpartition("/")[2]
        there = [b.path.removeprefix(f"{path}/") for b in _list_files(tx, path)]
        raise InvalidInput(
            f"The folder '{folder}' has no file '{MODEL_FILE}', so it is not an MLflow model. "
            + (f"It has: {', '.join(there[:5])}{', ...' if len(there) > 5 else ''}." if there else "It has no files."),
            target="source",
            hint="Give the folder that mlflow.<flavor>.save_model wrote.",
        )
    return blob


def has_model_file(tx: Transaction, path: str) -> bool:
    return stored_blobs.load_blob(tx, DATASTORE_CONTAINER, f"{path}/{MODEL_FILE}") is not None


def create_version(tx: Transaction, workspace: WorkspaceId, name: str, new: NewVersion, moment: Moment) -> AssetVersion:
    """The next number of a model that exists. Files that a run may still change are kept beside it as they are now."""
    container = stored_registry.load_model(tx, workspace, name)
    if container is None:
        raise NotFound(
            f"The model '{name}' does not exist in the workspace '{workspace.name}'.",
            target=name,
            hint="Make it first with create_registered_model; mlflow.register_model does both.",
        )
    path = new.path
    if not path.startswith(f"{UPLOADS}/"):
        path = _keep_files(tx, path, moment)
    body: dict[str, Any] = {
        "modelType": "mlflow_model",
        "modelUri": format_datastore_uri(workspace, path),
        "flavors": dict(new.flavors),
        "stage": str(Stage.NONE),
        "tags": dict(new.tags),
        "properties": {},
        "isAnonymous": False,
        "isArchived": False,
    }
    # Where the bytes are now follows from modelUri; where a run logged them is remembered beside.
    source = None if path == new.path else f"{ARTIFACTS}/{format_artifact_path(new.path)}"
    said = {"description": new.description, "jobName": new.run_id, "runLink": new.run_link, "source": source}
    for member, value in said.items():
        if value:
            body[member] = value
    asset = AssetVersion(
        workspace=workspace,
        kind=MODEL,
        name=name,
        version=container.next_version,
        body=body,
        created_at=moment.now,
        modified_at=moment.now,
    )
    return stored.save_version(tx, asset)


def get_version(tx: Transaction, workspace: WorkspaceId, name: str, version: str) -> AssetVersion:
    asset = stored.load_version(tx, workspace, MODEL, name, version)
    if asset is None:
        require_model(tx, workspace, name)
        raise NotFound(
            f"The model '{name}' has no version '{version}' in the workspace '{workspace.name}'.",
            target=f"{name}:{version}",
        )
    return asset


def list_aliases(tx: Transaction, workspace: WorkspaceId, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """The labels of those of the models that have any: name -> alias -> version."""
    return stored_registry.list_aliases(tx, workspace, names)


def get_by_alias(tx: Transaction, workspace: WorkspaceId, name: str, alias: str) -> AssetVersion:
    """MLflow's clients expect another answer for an alias that is missing than for a missing model."""
    require_model(tx, workspace, name)
    found = find_labelled(tx, workspace, name, alias)
    if found is None:
        raise InvalidInput(f"The model '{name}' has no alias '{alias}'.", target="alias")
    return found


def search_versions(
    tx: Transaction,
    workspace: WorkspaceId,
    comparisons: Sequence[Comparison],
    orders: Sequence[Order],
    *,
    offset: int,
    limit: int,
) -> tuple[list[AssetVersion], int | None]:
    """Versions that people named, newest first where no order is asked for, and where the next page starts."""
    wanted = _plan_rows(comparisons)
    rows = stored_registry.iterate_versions(tx, workspace, wanted)
    fitting = (v for v in rows if not v.is_anonymous and all(_version_fits(v, each) for each in comparisons))
    found: list[AssetVersion] = []
    for index, version in enumerate(_sort(list(fitting), orders) if orders else fitting):
        if index < offset:
            continue
        if len(found) == limit:
            return found, index
        found.append(version)
    return found, None


def change_version(
    tx: Transaction,
    workspace: WorkspaceId,
    name: str,
    version: str,
    moment: Moment,
    *,
    description: str | None = None,
    tags: Mapping[str, str | None] | None = None,
) -> AssetVersion:
    asset = get_version(tx, workspace, name, version)
    body = change_body(asset.body, description=description, tags=tags)
    return stored.save_version(tx, replace(asset, body=body, modified_at=moment.now))


def move_to_stage(
    tx: Transaction,
    workspace: WorkspaceId,
    name: str,
    version: str,
    stage: Stage,
    moment: Moment,
    *,
    archive_others: bool = False,
) -> AssetVersion:
    """Archived hides a version from ARM's lists too; any other stage shows it again."""
    asset = get_version(tx, workspace, name, version)
    if archive_others:
        if stage not in (Stage.STAGING, Stage.PRODUCTION):
            raise InvalidInput(
                "archive_existing_versions goes with the stages Staging and Production only.",
                target="archive_existing_versions",
            )
        for other in stored.list_versions(tx, workspace, MODEL, name, archived=False):
            if other.version != version and stage_of(other) is stage:
                _save_stage(tx, other, Stage.ARCHIVED, moment)
    return _save_stage(tx, asset, stage, moment)


def delete_version(tx: Transaction, workspace: WorkspaceId, name: str, version: str, moment: Moment) -> None:
    """Its number is not given out again, its aliases go with it. Refused while a deployment refers to it."""
    get_version(tx, workspace, name, version)
    check_unused(tx, workspace, name, version)
    container = require_model(tx, workspace, name)
    stored.delete_version(tx, workspace, MODEL, name, version)
    stored.save_container(
        tx,
        replace(
            container,
            aliases={alias: of for alias, of in container.aliases.items() if of != version},
            last_number=max(container.last_number, number_of(version)),
            modified_at=moment.now,
        ),
    )


def list_latest_versions(
    tx: Transaction, workspace: WorkspaceId, name: str, stages: Sequence[Stage]
) -> tuple[AssetVersion, ...]:
    require_model(tx, workspace, name)
    return list_latest(tx, workspace, name, stages or tuple(Stage))


def path_of(version: AssetVersion) -> str:
    """Where the files of a version are in the store, whichever client registered it."""
    return parse_datastore_path(str(version.body.get("modelUri", "")))


# --- private


def _list_files(tx: Transaction, path: str) -> Sequence[Blob]:
    return stored_blobs.list_blobs(tx, DATASTORE_CONTAINER, f"{path}/")


def _keep_files(tx: Transaction, path: str, moment: Moment) -> str:
    """Another name for the same bytes, under which nobody writes."""
    folder = f"{UPLOADS}/{moment.new_id()}/{path.rpartition('/')[2]}"
    for blob in _list_files(tx, path):
        stored_blobs.save_blob(tx, replace(blob, path=f"{folder}/{blob.path.removeprefix(f'{path}/')}"))
    return folder


def _save_stage(tx: Transaction, asset: AssetVersion, stage: Stage, moment: Moment) -> AssetVersion:
    archived = stage is Stage.ARCHIVED
    body = {**asset.body, "stage": str(stage), "isArchived": archived}
    return stored.save_version(tx, replace(asset, body=body, is_archived=archived, modified_at=moment.now))


def _plan_rows(comparisons: Sequence[Comparison]) -> RowFilter:
    """What every row must have that can fit; the rest is looked at row by row."""
    name = like = None
    members = []
    for each in comparisons:
        if each.key == "name" and each.operator == "=":
            name = str(each.value)
        elif each.key == "name" and each.operator == "LIKE":
            like = str(each.value)
        elif each.key == "tags" and each.operator == "=":
            members.append((str(each.member), str(each.value)))
        elif each.key == "run_id" and each.operator == "=" and each.value:
            members.append(("jobName", str(each.value)))
    return RowFilter(name=name, name_like=like, members=tuple(members))


def _version_fits(version: AssetVersion, comparison: Comparison) -> bool:
    match comparison.key:
        case "tags":
            return tag_fits(version.body, comparison)
        case "name":
            return fits(version.name, comparison)
        case "version_number":
            return fits(number_of(version.version), comparison)
        case "run_id":
            return fits(str(version.body.get("jobName") or ""), comparison)
        case "source_path":
            return fits(str(version.body.get("source") or version.body.get("modelUri") or ""), comparison)
    return False


def _sort(versions: list[AssetVersion], orders: Sequence[Order]) -> list[AssetVersion]:
    for order in reversed(orders):
        versions.sort(key=_SORT_KEYS[order.key], reverse=order.descending)
    return versions


_SORT_KEYS: Mapping[str, Any] = {
    "name": lambda v: v.name,
    "version_number": lambda v: number_of(v.version),
    "creation_timestamp": lambda v: v.created_at,
    "last_updated_timestamp": lambda v: v.modified_at,
}
ORDER_KEYS = tuple(_SORT_KEYS)
