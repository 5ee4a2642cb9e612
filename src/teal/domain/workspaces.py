"""The workspace: the folder that models, environments and endpoints live in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from teal.domain.resource_ids import WorkspaceId


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace. `uuid` is its `workspaceId` on the wire; times are epoch seconds. `tags` and `properties` are
    what people wrote."""

    id: WorkspaceId
    uuid: str
    created_at: float
    location: str = "local"
    modified_at: float = 0.0
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)
