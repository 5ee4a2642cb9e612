"""A server killed in the middle of its writes has lost none that it acknowledged."""

import sys
from pathlib import Path

from teal.domain.endpoints import EndpointStatus
from teal.store.blobs import BlobStore
from teal.store.database import Store, Transaction
from teal.store.endpoints import list_endpoint_names, list_endpoints, load_endpoint_status
from tests.harness.processes import running_process
from tests.harness.waiting import wait_until

_ROOT = Path(__file__).parents[3]

WRITER = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from teal.domain.endpoints import EndpointStatus
from teal.store.database import Store, Transaction
from teal.store.endpoints import save_endpoint, save_endpoint_status
from tests.unit.store.entities import ENDPOINT, ENDPOINT_STATUS

async def main():
    store = Store(Path(sys.argv[1]))
    await store.open()
    number = 0
    while True:
        def write(tx):
            save_endpoint(tx, replace(ENDPOINT, name=f"e{number}"))
            save_endpoint_status(tx, f"e{number}", ENDPOINT_STATUS)
        await store.write(write)
        print(f"e{number}", flush=True)
        number += 1

asyncio.run(main())
"""

UPLOADER = """
import asyncio, sys
from pathlib import Path
from teal.domain.endpoints import EndpointStatus
from teal.store.blobs import BlobStore

async def chunks():
    yield b"x" * 3_000_000
    print("half", flush=True)
    await asyncio.Event().wait()

async def main():
    blobs = BlobStore(Path(sys.argv[1]))
    await blobs.open()
    await blobs.write(chunks())

asyncio.run(main())
"""


async def test_a_killed_writer_has_lost_no_acknowledged_write_and_left_no_half_of_one(tmp_path: Path) -> None:
    data, log = tmp_path / "data", tmp_path / "log"
    for _ in range(3):
        log.write_text("")
        with running_process([sys.executable, "-c", WRITER, data], log_path=log, cwd=_ROOT) as writer:
            await wait_until(lambda: writer.output.count("\n") >= 40 or writer.returncode is not None, 30)
            writer.kill()
        acknowledged = set(log.read_text().split("\n")[:-1])
        assert len(acknowledged) >= 40, log.read_text()

        store = Store(data)
        await store.open()
        names = await store.read(list_endpoint_names)
        assert acknowledged <= set(names)
        assert len(await store.read(list_endpoints)) == len(names)
        assert None not in await store.read(_load_statuses)
        await store.close()


def _load_statuses(tx: Transaction) -> list[EndpointStatus | None]:
    return [load_endpoint_status(tx, name) for name in list_endpoint_names(tx)]


async def test_a_killed_upload_leaves_no_object_and_no_rubbish(tmp_path: Path) -> None:
    root = tmp_path / "blobs"
    with running_process([sys.executable, "-c", UPLOADER, root], log_path=tmp_path / "log", cwd=_ROOT) as uploader:
        await wait_until(lambda: "half" in uploader.output or uploader.returncode is not None, 30)
        assert "half" in uploader.output, uploader.output
        assert list((root / "tmp").iterdir())
        uploader.kill()

    blobs = BlobStore(root)
    await blobs.open()
    assert [p for p in root.rglob("*") if p.is_file()] == []
    await blobs.close()
