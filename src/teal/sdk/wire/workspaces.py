"""Workspaces: entity to ARM body and back (spec/wire.md §3.1). Pure; used by sdk/operations/workspaces.py."""

from collections.abc import Mapping
from typing import Any

from teal.sdk.entities.workspaces import Workspace
from teal.sdk.wire.fields import as_map, build_texts, without_none


def build_workspace(workspace: Workspace) -> dict[str, Any]:
    """What a PUT sends."""
    return {
        **without_none(location=workspace.location),
        "tags": build_texts(workspace.tags),
        "properties": without_none(description=workspace.description, friendlyName=workspace.display_name),
    }


def parse_workspace(resource: Mapping[str, Any]) -> Workspace:
    """The workspace in an answer; its resource group is read from the id."""
    properties = as_map(resource.get("properties"))
    parts = str(resource.get("id") or "").strip("/").split("/")
    return Workspace(
        name=str(resource.get("name")),
        description=properties.get("description"),
        display_name=properties.get("friendlyName"),
        location=resource.get("location"),
        resource_group=parts[3] if len(parts) > 3 else None,
        tags=as_map(resource.get("tags")),
        storage_account=properties.get("storageAccount"),
        container_registry=properties.get("containerRegistry"),
        key_vault=properties.get("keyVault"),
        application_insights=properties.get("applicationInsights"),
        id=resource.get("id"),
        discovery_url=properties.get("discoveryUrl"),
        mlflow_tracking_uri=properties.get("mlFlowTrackingUri"),
    )
