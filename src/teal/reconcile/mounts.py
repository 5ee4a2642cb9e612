"""What an instance is started from: references of a deployment -> files and definitions. Called by loop.py, in a
read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from teal.domain.assets import AssetVersion
from teal.domain.blobs import DATASTORE_CONTAINER, Blob
from teal.domain.deployments import DeploymentSpec
from teal.domain.errors import NotFound
from teal.domain.instance_records import InstanceRecord
from teal.domain.instance_types import find_instance_size
from teal.domain.instances import AssetMount, EnvironmentDefinition, FileMount, InstanceSpec
from teal.domain.resource_ids import (
    AssetKind,
    WorkspaceId,
    is_curated,
    parse_asset_ref,
    parse_blob_uri,
    parse_datastore_path,
)
from teal.store import assets, blobs
from teal.store.database import Transaction


def build_instance_spec(
    tx: Transaction,
    workspace: WorkspaceId,
    spec: DeploymentSpec,
    record: InstanceRecord,
    object_path: Callable[[str], Path],
) -> InstanceSpec:
    """Look up what the deployment refers to; raises NotFound when a version or its files are gone."""
    return InstanceSpec(
        instance_id=record.instance_id,
        endpoint=record.endpoint,
        deployment=record.deployment,
        revision=record.revision,
        model=_model(tx, workspace, spec.model, object_path) if spec.model else None,
        code=_code(tx, workspace, spec.code_id, object_path) if spec.code_id else None,
        scoring_script=spec.scoring_script,
        environment=_environment(tx, workspace, spec.environment) if spec.environment else _NO_ENVIRONMENT,
        environment_variables=spec.environment_variables,
        size=find_instance_size(spec.instance_type),
        max_concurrent_requests=spec.request_settings.max_concurrent_requests_per_instance,
        request_timeout_ms=spec.request_settings.request_timeout_ms,
    )


# --- private

_NO_ENVIRONMENT = EnvironmentDefinition(label="none")


def _find(tx: Transaction, workspace: WorkspaceId, kind: AssetKind, text: str) -> AssetVersion:
    ref = parse_asset_ref(kind, text)
    asset = assets.load_version(tx, workspace, kind, ref.name, ref.version)
    if asset is None:
        raise NotFound(f"The {kind.removesuffix('s')} '{ref.name}:{ref.version}' is gone.", target=text)
    return asset


def _model(tx: Transaction, workspace: WorkspaceId, text: str, object_path: Callable[[str], Path]) -> AssetMount:
    """A model file keeps its name, a model folder appears by its own name (`spec/wire.md` §7.1, AZUREML_MODEL_DIR)."""
    asset = _find(tx, workspace, AssetKind.MODEL, text)
    path = parse_datastore_path(str(asset.body["modelUri"]))
    parent = path.rpartition("/")[0]
    return _mount(tx, asset, DATASTORE_CONTAINER, path, strip=parent, object_path=object_path)


def _code(tx: Transaction, workspace: WorkspaceId, text: str, object_path: Callable[[str], Path]) -> AssetMount:
    asset = _find(tx, workspace, AssetKind.CODE, text)
    container, path = parse_blob_uri(str(asset.body["codeUri"]))
    return _mount(tx, asset, container, path, strip=path, object_path=object_path)


def _mount(
    tx: Transaction, asset: AssetVersion, container: str, path: str, *, strip: str, object_path: Callable[[str], Path]
) -> AssetMount:
    files = [b for b in blobs.list_blobs(tx, container, path) if b.path == path or b.path.startswith(f"{path}/")]
    if not files:
        raise NotFound(
            f"The {asset.kind.removesuffix('s')} '{asset.name}:{asset.version}' has no files: nothing was uploaded "
            f"to '{container}/{path}'.",
            target=asset.name,
            hint="Upload it again and create a new version.",
        )
    return AssetMount(asset.name, asset.version, tuple(_file(b, strip, object_path) for b in files))


def _file(blob: Blob, strip: str, object_path: Callable[[str], Path]) -> FileMount:
    relative = blob.path.removeprefix(strip).strip("/") or blob.path.rpartition("/")[2]
    return FileMount(relative, str(object_path(blob.object_id)))


def _environment(tx: Transaction, workspace: WorkspaceId, text: str) -> EnvironmentDefinition:
    ref = parse_asset_ref(AssetKind.ENVIRONMENT, text)
    if is_curated(ref):
        return EnvironmentDefinition(label=ref.name)
    body: dict[str, Any] = dict(_find(tx, workspace, AssetKind.ENVIRONMENT, text).body)
    return EnvironmentDefinition(
        label=f"{ref.name}:{ref.version}",
        image=body.get("image"),
        conda_file=body.get("condaFile"),
        has_dockerfile=bool(body.get("build")),
    )
