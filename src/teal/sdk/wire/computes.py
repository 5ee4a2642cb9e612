"""Computes: ARM answer to entity (spec/wire.md §3.8). Pure; used by sdk/operations/computes.py."""

from collections.abc import Mapping
from typing import Any

from teal.sdk.entities.computes import Compute
from teal.sdk.wire.fields import as_map


def parse_compute(resource: Mapping[str, Any]) -> Compute:
    """The compute in an answer."""
    properties = as_map(resource.get("properties"))
    kind = properties.get("computeType")
    return Compute(
        id=resource.get("id"),
        name=str(resource.get("name")),
        type=str(kind).lower() if kind else None,
        location=resource.get("location"),
        description=properties.get("description"),
        resource_id=properties.get("resourceId"),
        tags=as_map(resource.get("tags")),
        properties=as_map(properties.get("properties")),
        provisioning_state=properties.get("provisioningState"),
    )
