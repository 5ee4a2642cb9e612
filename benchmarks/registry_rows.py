"""Fills the registry of a server that is not running, row by row as its verbs would. Run by benchmarks.mlflow_registry
with Teal's own interpreter: python -m benchmarks.registry_rows DATA_DIR WORKSPACE COUNT."""

import asyncio
import sys
from pathlib import Path

from teal.control.requests import Moment
from teal.control.workspaces import ensure_workspace
from teal.domain.artifacts import format_datastore_uri
from teal.domain.assets import AssetVersion
from teal.domain.resource_ids import AssetKind, WorkspaceId
from teal.store import assets
from teal.store.database import Store, Transaction

MODELS = 100


async def fill(data_dir: Path, workspace: WorkspaceId, count: int) -> None:
    store = Store(data_dir)
    await store.open()
    try:
        await store.write(lambda tx: write_rows(tx, workspace, count))
    finally:
        await store.close()


def write_rows(tx: Transaction, workspace: WorkspaceId, count: int) -> None:
    ensure_workspace(tx, workspace, Moment(1.0, lambda: "00000000-0000-0000-0000-000000000001"), create=True)
    for number in range(count):
        body = {
            "modelType": "mlflow_model",
            "modelUri": format_datastore_uri(workspace, f"LocalUpload/{number:08x}/model"),
            "tags": {"batch": str(number // MODELS), "owner": f"team-{number % 7}"},
            "properties": {},
            "flavors": {"python_function": {"loader_module": "mlflow.sklearn", "python_version": "3.11.7"}},
            "stage": "None",
            "isAnonymous": False,
            "isArchived": False,
        }
        version = AssetVersion(
            workspace=workspace,
            kind=AssetKind.MODEL,
            name=f"model-{number % MODELS}",
            version=str(number // MODELS + 1),
            body=body,
            created_at=1.0 + number,
            modified_at=1.0 + number,
        )
        assets.save_version(tx, version)


if __name__ == "__main__":
    subscription, group, name = (sys.argv[2].split("/")[index] for index in (2, 4, 8))
    folder = Path(sys.argv[1])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    asyncio.run(fill(folder, WorkspaceId(subscription, group, name), int(sys.argv[3])))
