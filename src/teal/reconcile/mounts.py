"""What an instance is started from: references of a deployment -> files and definitions. Called by loop.py, in a
read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from teal.domain.assets import AssetVersion
from teal.domain.blobs import DATASTORE_CONTAINER, Blob
from teal.domain.curated import BUILT_IN, Catalogue
from teal.domain.deployments import DeploymentSpec
from teal.domain.endpoint_settings import parse_deployment_settings
from teal.domain.errors import NotFound
from teal.domain.instance_records import InstanceRecord
from teal.domain.instance_types import find_instance_size
from teal.domain.instances import AssetMount, EnvironmentDefinition, FileMount, InstanceSpec
from teal.domain.mlflow_models import find_mlflow_folder, is_environment_file, is_mlflow_model
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
    curated: Catalogue = BUILT_IN,
) -> InstanceSpec:
    """Look up what the deployment refers to; raises NotFound when a version or its files are gone."""
    model = _model(tx, workspace, spec.model, object_path) if spec.model else None
    folder = _find_served_folder(tx, workspace, spec, model)
    environment = _environment(tx, workspace, spec.environment, curated) if spec.environment else _NO_ENVIRONMENT
    if folder is not None and model is not None and spec.environment is None:
        environment = EnvironmentDefinition(
            label=f"of model {model.name}:{model.version}", model_files=_load_text_files(model, folder)
        )
    code = _code(tx, workspace, spec.code_id, object_path) if spec.code_id else None
    return InstanceSpec(
        instance_id=record.instance_id,
        endpoint=record.endpoint,
        deployment=record.deployment,
        revision=record.revision,
        model=model,
        code=code,
        scoring_script=_find_script(tx, workspace, spec, code),
        environment=environment,
        environment_variables=spec.environment_variables,
        size=find_instance_size(spec.instance_type),
        max_concurrent_requests=spec.request_settings.max_concurrent_requests_per_instance,
        request_timeout_ms=spec.request_settings.request_timeout_ms,
        mlflow_model=folder,
        start_limit_s=spec.start_limit_s,
        skip_script_validation=parse_deployment_settings(spec.properties).skip_script_validation,
    )


# --- private

_LONGEST_TEXT = 1024 * 1024
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


def _find_served_folder(
    tx: Transaction, workspace: WorkspaceId, spec: DeploymentSpec, model: AssetMount | None
) -> str | None:
    """Where the MLmodel of a model without a script is; None: there is a script. Raises InvalidInput."""
    if spec.code_id is not None or spec.model is None or model is None:
        return None
    if not is_mlflow_model(_find(tx, workspace, AssetKind.MODEL, spec.model).body):
        return None
    return find_mlflow_folder(f"{model.name}:{model.version}", [file.path for file in model.files])


def _load_text_files(model: AssetMount, folder: str) -> dict[str, str]:
    """What of a model's folder may say something on its environment; never its data."""
    prefix = f"{folder}/" if folder else ""
    found: dict[str, str] = {}
    for file in model.files:
        name = file.path.removeprefix(prefix)
        source = Path(file.source)
        if file.path.startswith(prefix) and is_environment_file(name) and source.stat().st_size <= _LONGEST_TEXT:
            found[name] = source.read_text(encoding="utf-8", errors="replace")
    return found


def _code(tx: Transaction, workspace: WorkspaceId, text: str, object_path: Callable[[str], Path]) -> AssetMount:
    asset = _find(tx, workspace, AssetKind.CODE, text)
    container, path = parse_blob_uri(str(asset.body["codeUri"]))
    return _mount(tx, asset, container, path, strip=path, object_path=object_path)


def _find_script(tx: Transaction, workspace: WorkspaceId, spec: DeploymentSpec, code: AssetMount | None) -> str | None:
    """Its path in the code's folder; published notebooks also name it with that folder (`code/score.py`)."""
    script = spec.scoring_script
    if script is None or code is None or spec.code_id is None:
        return script
    _, path = parse_blob_uri(str(_find(tx, workspace, AssetKind.CODE, spec.code_id).body["codeUri"]))
    there = {file.path for file in code.files}
    without_folder = script.removeprefix("./").removeprefix(f"{path.rpartition('/')[2]}/")
    return without_folder if script not in there and without_folder in there else script


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


def _environment(tx: Transaction, workspace: WorkspaceId, text: str, curated: Catalogue) -> EnvironmentDefinition:
    ref = parse_asset_ref(AssetKind.ENVIRONMENT, text)
    if is_curated(ref) and not assets.load_version(tx, workspace, ref.kind, ref.name, ref.version):
        return EnvironmentDefinition(label=ref.name, conda_file=curated.find_conda_file(ref.name))
    body: dict[str, Any] = dict(_find(tx, workspace, AssetKind.ENVIRONMENT, text).body)
    return EnvironmentDefinition(
        label=f"{ref.name}:{ref.version}",
        image=body.get("image"),
        conda_file=body.get("condaFile"),
        has_dockerfile=bool(body.get("build")),
    )
