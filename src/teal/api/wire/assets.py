"""Models, environments and codes: ARM JSON <-> domain values (`spec/wire.md` §3.3-3.5). Called by api/assets.py."""

from collections.abc import Mapping
from typing import Any

from teal.api.wire.members import Members
from teal.api.wire.resources import format_system_data, format_type
from teal.domain.assets import AssetContainer, AssetVersion
from teal.domain.errors import InvalidInput
from teal.domain.registry import name_stage, spell_stage
from teal.domain.resource_ids import AssetKind, AssetRef

DEFAULT_DOCKERFILE = "Dockerfile"
MAX_CONDA_FILE_CHARS = 256 * 1024


def parse_version(kind: AssetKind, body: object) -> dict[str, Any]:
    """The properties of a version as they are kept: checked where Teal reads them, all others as sent."""
    sent = Members(body).mapping("properties")
    members = Members(sent or {}, "properties")
    members.texts("tags")
    members.mapping("properties")  # not only text: code has a numeric hash_version
    members.flag("isArchived", default=False)
    members.flag("isAnonymous", default=False)
    members.text("description")
    match kind:
        case AssetKind.MODEL:
            _require(members, "modelUri")
            members.text("modelType")
            members.mapping("flavors")
            stage = members.text("stage")
        case AssetKind.CODE:
            _require(members, "codeUri")
        case AssetKind.DATA:
            _require(members, "dataUri")
            members.text("dataType")
        case AssetKind.ENVIRONMENT:
            members.text("image")
            _check_length("condaFile", members.text("condaFile"))
            build = members.nested("build")
            build.text("contextUri")
            members.mapping("inferenceConfig")
    kept = {k: v for k, v in (sent or {}).items() if v is not None and k not in ("provisioningState",)}
    if kind is AssetKind.MODEL and stage:
        kept["stage"] = spell_stage(stage)
    if kept.get("build"):
        kept["build"] = {**kept["build"], "dockerfilePath": build.text("dockerfilePath") or DEFAULT_DOCKERFILE}
    return kept


def parse_container(body: object) -> dict[str, Any]:
    members = Members(body).nested("properties")
    members.flag("isArchived", default=False)
    members.drop("latestVersion", "nextVersion", "provisioningState", "aliases")
    return members.rest() | {"isArchived": members.flag("isArchived", default=False)}


def format_version(asset: AssetVersion) -> dict[str, Any]:
    known: dict[str, Any] = {"isArchived": asset.is_archived}
    defaults: dict[str, Any] = {"tags": {}, "properties": {}, "isAnonymous": False, "provisioningState": "Succeeded"}
    if asset.kind is AssetKind.MODEL:
        # Without an object here every model call of the stock client fails (spec/wire.md §9, 1).
        defaults |= {"flavors": {}}
        known["stage"] = name_stage(asset)
    return {
        "id": AssetRef(asset.kind, asset.name, asset.version).arm(asset.workspace),
        "name": asset.version,
        "type": format_type(asset.kind, "versions"),
        "systemData": format_system_data(asset.created_at, asset.modified_at),
        "properties": {**defaults, **asset.body, **known},
    }


def format_container(container: AssetContainer) -> dict[str, Any]:
    known: Mapping[str, Any] = {
        "latestVersion": container.latest_version,
        "nextVersion": container.next_version,
        "isArchived": container.is_archived,
        **({"aliases": dict(container.aliases)} if container.aliases else {}),
    }
    return {
        "id": f"{container.workspace.arm}/{container.kind}/{container.name}",
        "name": container.name,
        "type": format_type(container.kind),
        "systemData": format_system_data(container.created_at, container.modified_at),
        "properties": {"tags": {}, "properties": {}, **container.body, **known},
    }


# --- private


def _check_length(name: str, text: str | None) -> None:
    if text is not None and len(text) > MAX_CONDA_FILE_CHARS:
        raise InvalidInput(
            f"properties.{name} has {len(text)} characters; at most {MAX_CONDA_FILE_CHARS} are taken.",
            target=f"properties.{name}",
        )


def _require(members: Members, name: str) -> None:
    if not members.text(name):
        raise InvalidInput(f"properties.{name} is missing.", target=f"properties.{name}")
