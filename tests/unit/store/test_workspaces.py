"""Workspaces are found in any case and keep the one they were written in."""

from teal.domain.resource_ids import WorkspaceId
from teal.domain.workspaces import Workspace
from teal.store.database import Store, Transaction
from teal.store.workspaces import list_workspaces, load_workspace, save_workspace

FIRST = Workspace(id=WorkspaceId("Sub", "Group", "One"), uuid="1", created_at=1.0)
SECOND = Workspace(id=WorkspaceId("Sub", "Group", "Two"), uuid="2", created_at=2.0)


async def test_a_workspace_is_found_in_any_case(store: Store) -> None:
    await store.write(lambda tx: save_workspace(tx, FIRST))
    assert await store.read(lambda tx: load_workspace(tx, WorkspaceId("sUB", "gROUP", "oNE"))) == FIRST
    assert await store.read(lambda tx: load_workspace(tx, SECOND.id)) is None


async def test_saving_again_replaces(store: Store) -> None:
    same = Workspace(id=WorkspaceId("sub", "group", "one"), uuid="3", created_at=1.0)

    def write(tx: Transaction) -> None:
        for workspace in (SECOND, FIRST, same):
            save_workspace(tx, workspace)

    await store.write(write)
    assert [w.uuid for w in await store.read(list_workspaces)] == ["3", "2"]
