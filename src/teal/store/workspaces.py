"""Workspaces, found by their id in any case. Called by control."""

from sqlalchemy import bindparam, delete, select

from teal.domain.resource_ids import WorkspaceId
from teal.domain.workspaces import Workspace
from teal.store.database import Transaction
from teal.store.rows import WORKSPACES
from teal.store.tables import asset_containers, asset_versions, workspaces
from teal.store.upserts import save_row


def load_workspace(tx: Transaction, id: WorkspaceId) -> Workspace | None:
    body = tx.connection.execute(_WORKSPACE, {"key": id.key}).scalar()
    return None if body is None else WORKSPACES.parse(body)


def list_workspaces(tx: Transaction) -> tuple[Workspace, ...]:
    found = tx.connection.execute(select(workspaces.c.body).order_by(workspaces.c.key)).scalars()
    return tuple(WORKSPACES.parse(body) for body in found)


def save_workspace(tx: Transaction, workspace: Workspace) -> None:
    save_row(tx, workspaces, {"key": workspace.id.key}, {"body": WORKSPACES.format(workspace)})


def delete_workspace(tx: Transaction, id: WorkspaceId) -> None:
    """The workspace with its models, environments, codes and data. Its endpoints must be gone."""
    for table in (asset_versions, asset_containers):
        tx.connection.execute(delete(table).where(table.c.workspace == id.key))
    tx.connection.execute(delete(workspaces).where(workspaces.c.key == id.key))


# --- private

# Built once: every pass of the loop asks this.
_WORKSPACE = select(workspaces.c.body).where(workspaces.c.key == bindparam("key"))
