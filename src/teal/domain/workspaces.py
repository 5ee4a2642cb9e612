"""The workspace: the folder that models, environments and endpoints live in."""

from dataclasses import dataclass

from teal.domain.resource_ids import WorkspaceId


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace. `uuid` is its `workspaceId` on the wire; `created_at` epoch seconds."""

    id: WorkspaceId
    uuid: str
    created_at: float
    location: str = "local"
