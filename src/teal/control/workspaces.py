"""Verbs on workspaces. Called by api; every other verb expects its workspace to exist."""

from collections.abc import Callable
from dataclasses import replace

from teal.control.requests import Accepted, Moment
from teal.domain.errors import Conflict, NotFound
from teal.domain.names import parse_workspace_id
from teal.domain.quotas import NO_QUOTA, parse_workspace_quota
from teal.domain.resource_ids import WorkspaceId
from teal.domain.workspaces import Workspace
from teal.store import endpoints as stored_endpoints
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
            hint=f"Create it with: teal workspace create --name {id.name} --resource-group {id.resource_group}. "
            "Or start the server with the setting workspaces=auto.",
        )
    return _create(tx, id, moment)


def put_workspace(
    tx: Transaction,
    id: WorkspaceId,
    build: Callable[[Workspace], Workspace],
    moment: Moment,
) -> Accepted[Workspace]:
    """Make a workspace, or change what people write of it: `build` is given the stored one, returns the wanted one."""
    current = stored.load_workspace(tx, id)
    before = current or _create(tx, id, moment)
    workspace = build(before)
    parse_workspace_quota(workspace.tags, NO_QUOTA)
    if workspace.tags != before.tags:
        for endpoint in stored_endpoints.list_endpoints(tx, id):
            tx.touch(endpoint.name)
    if workspace != before:
        workspace = replace(workspace, modified_at=moment.now)
        stored.save_workspace(tx, workspace)
    return Accepted(workspace, created=current is None, operation=None)


def delete_workspace(tx: Transaction, id: WorkspaceId) -> bool:
    """Delete a workspace that has no endpoints, with its assets. False: there is no such workspace."""
    if stored.load_workspace(tx, id) is None:
        return False
    if names := [endpoint.name for endpoint in stored_endpoints.list_endpoints(tx, id)]:
        raise Conflict(
            f"The workspace '{id.name}' has {len(names)} online endpoints, among them '{names[0]}'.",
            target=id.name,
            hint="Delete those first.",
        )
    stored.delete_workspace(tx, id)
    return True


def find_workspace(tx: Transaction, id: WorkspaceId) -> Workspace | None:
    return stored.load_workspace(tx, id)


def list_workspaces(tx: Transaction) -> tuple[Workspace, ...]:
    return tuple(stored.list_workspaces(tx))


# --- private


def _create(tx: Transaction, id: WorkspaceId, moment: Moment) -> Workspace:
    parse_workspace_id(id)
    workspace = Workspace(id=id, uuid=moment.new_id(), created_at=moment.now, modified_at=moment.now)
    stored.save_workspace(tx, workspace)
    return workspace
