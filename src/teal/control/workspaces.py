"""Verbs on workspaces. Called by api; every other verb expects its workspace to exist."""

from teal.control.requests import Moment
from teal.domain.errors import NotFound
from teal.domain.resource_ids import WorkspaceId
from teal.domain.workspaces import Workspace
from teal.store import workspaces as stored
from teal.store.database import Transaction


def ensure_workspace(tx: Transaction, id: WorkspaceId, moment: Moment, *, create: bool) -> Workspace:
    """The workspace of that id; one that is named for the first time is created where `create` (setting
    `workspaces: auto`) allows it."""
    workspace = stored.load_workspace(tx, id)
    if workspace:
        return workspace
    if not create:
        raise NotFound(
            f"The workspace '{id.name}' does not exist.",
            target=id.arm,
            hint="Create it, or start the server with the setting workspaces=auto.",
        )
    workspace = Workspace(id=id, uuid=moment.new_id(), created_at=moment.now)
    stored.save_workspace(tx, workspace)
    return workspace


def find_workspace(tx: Transaction, id: WorkspaceId) -> Workspace | None:
    return stored.load_workspace(tx, id)


def list_workspaces(tx: Transaction) -> tuple[Workspace, ...]:
    return tuple(stored.list_workspaces(tx))
