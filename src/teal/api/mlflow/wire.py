"""Registered models and versions: domain values <-> MLflow's JSON (`spec/mlflow.md` §3). Pure; called by
api/mlflow/registered_models.py and model_versions.py."""

from collections.abc import Mapping
from typing import Any

from teal.api.wire.members import Members
from teal.control.model_versions import path_of
from teal.domain.artifacts import ARTIFACTS, format_artifact_path
from teal.domain.assets import AssetVersion
from teal.domain.errors import InvalidInput
from teal.domain.registry import RegisteredModel, aliases_of, stage_of

VERSION_FILTERS = {
    "name": "= != LIKE ILIKE",
    "version_number": "= != < <= > >=",
    "run_id": "= != IN",
    "source_path": "= != LIKE ILIKE",
    "tags": "= != LIKE ILIKE",
}
MODEL_FILTERS = {"name": "= != LIKE ILIKE", "tags": "= != LIKE ILIKE"}


def parse_tags(members: Members) -> dict[str, str]:
    """`[{"key": ..., "value": ...}]`."""
    tags: dict[str, str] = {}
    for entry in members.array("tags"):
        tag = Members(entry, "tags")
        tags[require_text(tag, "key")] = tag.text("value") or ""
    return tags


def require_text(members: Members, name: str) -> str:
    text = members.text(name)
    if not text:
        raise InvalidInput(f"'{name}' is missing.", target=name)
    return text


def format_model(model: RegisteredModel, root: str) -> dict[str, Any]:
    container = model.container
    body: dict[str, Any] = {
        "name": container.name,
        "creation_timestamp": _milliseconds(container.created_at),
        "last_updated_timestamp": _milliseconds(model.modified_at),
        "tags": _format_tags(container.body),
        "aliases": [{"alias": alias, "version": version} for alias, version in sorted(container.aliases.items())],
        "latest_versions": [format_version(version, container.aliases, root) for version in model.latest],
    }
    if description := container.body.get("description"):
        body["description"] = description
    return body


def format_version(version: AssetVersion, aliases: Mapping[str, str], root: str) -> dict[str, Any]:
    """`aliases` are those of its model."""
    said = version.body
    body: dict[str, Any] = {
        "name": version.name,
        "version": version.version,
        "creation_timestamp": _milliseconds(version.created_at),
        "last_updated_timestamp": _milliseconds(version.modified_at),
        "current_stage": str(stage_of(version)),
        "source": _format_source(version, root),
        "run_id": str(said.get("jobName") or ""),
        "status": "READY",
        "tags": _format_tags(said),
        "aliases": aliases_of(aliases, version.version),
    }
    for member, value in (("description", said.get("description")), ("run_link", said.get("runLink"))):
        if value:
            body[member] = value
    return body


def format_download_uri(version: AssetVersion, root: str) -> str:
    """`root` is where the client's own kind of artifact address starts."""
    uri = str(version.body.get("modelUri", ""))
    if "/datastores/" not in uri:
        return uri
    return f"{root}/{format_artifact_path(path_of(version))}"


# --- private


def _format_source(version: AssetVersion, root: str) -> str:
    source = str(version.body.get("source") or "")
    if source.startswith(f"{ARTIFACTS}/"):
        return f"{root}{source.removeprefix(ARTIFACTS)}"
    return source or format_download_uri(version, root)


def _format_tags(body: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"key": key, "value": str(value)} for key, value in (body.get("tags") or {}).items()]


def _milliseconds(epoch_s: float) -> int:
    return int(epoch_s * 1000)
