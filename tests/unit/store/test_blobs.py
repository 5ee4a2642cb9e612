"""Blob rows, and bytes that are whole or not there."""

import asyncio
import os
import resource
import stat
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import md5, sha256
from pathlib import Path

import pytest

from teal.domain.errors import InvalidInput
from teal.store.blobs import (
    BLOCK_LIFETIME_S,
    BlobStore,
    delete_blob,
    list_blobs,
    list_object_ids,
    load_blob,
    save_blob,
)
from teal.store.database import Store, Transaction
from teal.store.errors import StoreRefused
from tests.unit.store.entities import BLOB
from tests.unit.store.limits import file_size_limit

EMPTY_SHA256 = sha256(b"").hexdigest()


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[BlobStore]:
    blobs = BlobStore(tmp_path / "blobs")
    await blobs.open()
    yield blobs
    await blobs.close()


async def chunked(data: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def files_of(blobs: BlobStore) -> list[Path]:
    return sorted(p for p in blobs.root.rglob("*") if p.is_file())


# --- rows


async def test_a_blob_comes_back_and_is_replaced_by_saving_again(store: Store) -> None:
    await store.write(lambda tx: save_blob(tx, BLOB))
    assert await store.read(lambda tx: load_blob(tx, BLOB.container, BLOB.path)) == BLOB
    changed = replace(BLOB, object_id="cd" * 32)
    await store.write(lambda tx: save_blob(tx, changed))
    assert await store.read(lambda tx: load_blob(tx, BLOB.container, BLOB.path)) == changed
    assert await store.read(list_object_ids) == {"cd" * 32}
    await store.write(lambda tx: delete_blob(tx, BLOB.container, BLOB.path))
    assert await store.read(lambda tx: load_blob(tx, BLOB.container, BLOB.path)) is None


async def test_blobs_are_listed_by_exact_prefix(store: Store) -> None:
    paths = ["a/1", "a/2", "A/1", "a%/1", "a_/1", "ab/1", "b", "a/\U0010ffff", "a"]

    def write(tx: Transaction) -> None:
        for path in paths:
            save_blob(tx, replace(BLOB, path=path))
        save_blob(tx, replace(BLOB, container="other", path="a/3"))

    await store.write(write)
    prefixes = ("", "a", "a/", "A", "a%", "a_", "b", "c", "a/\U0010ffff")
    found = await store.read(lambda tx: {prefix: list_blobs(tx, "azureml", prefix) for prefix in prefixes})
    for prefix in prefixes:
        assert [b.path for b in found[prefix]] == sorted(p for p in paths if p.startswith(prefix))


@pytest.mark.parametrize(("container", "path"), [("azureml", "../x"), ("azureml", "/x"), ("Up/..", "x")])
async def test_a_path_that_leads_elsewhere_is_never_stored(store: Store, container: str, path: str) -> None:
    with pytest.raises(InvalidInput):
        await store.write(lambda tx: save_blob(tx, replace(BLOB, container=container, path=path)))


# --- bytes


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 3_000_001])
async def test_bytes_come_back_under_their_hash(blobs: BlobStore, size: int) -> None:
    data = os.urandom(size)
    stored = await blobs.write(chunked(data))
    assert stored.object_id == sha256(data).hexdigest()
    assert stored.size == size
    assert stored.md5 == b64encode(md5(data, usedforsecurity=False).digest()).decode()
    assert b"".join([piece async for piece in blobs.read(stored.object_id)]) == data


async def test_an_object_is_read_only_and_alone(blobs: BlobStore) -> None:
    stored = await blobs.write(chunked(b"content"))
    path = blobs.object_path(stored.object_id)
    assert path == blobs.root / "objects" / stored.object_id[:2] / stored.object_id
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert files_of(blobs) == [path]


async def test_the_same_bytes_are_kept_once_and_their_file_is_not_touched(blobs: BlobStore) -> None:
    first = await blobs.write(chunked(b"content"))
    inode = blobs.object_path(first.object_id).stat().st_ino
    results = await asyncio.gather(*(blobs.write(chunked(b"content")) for _ in range(10)))
    assert set(results) == {first}
    assert blobs.object_path(first.object_id).stat().st_ino == inode
    assert len(files_of(blobs)) == 1


@pytest.mark.parametrize(
    ("offset", "size", "expected"), [(0, 3, b"012"), (4, None, b"456789"), (8, 99, b"89"), (20, None, b""), (2, 0, b"")]
)
async def test_a_part_is_read(blobs: BlobStore, offset: int, size: int | None, expected: bytes) -> None:
    stored = await blobs.write(chunked(b"0123456789"))
    assert b"".join([p async for p in blobs.read(stored.object_id, offset=offset, size=size)]) == expected


async def test_a_right_md5_is_accepted_and_a_wrong_one_leaves_nothing(blobs: BlobStore) -> None:
    right = b64encode(md5(b"content", usedforsecurity=False).digest()).decode()
    await blobs.write(chunked(b"content"), content_md5=right)
    for wrong in (b64encode(b"x" * 16).decode(), "no base64!", "", "é"):
        with pytest.raises(InvalidInput, match="MD5") as refused:
            await blobs.write(chunked(b"other"), content_md5=wrong)
        assert refused.value.code == "Md5Mismatch"
    assert len(files_of(blobs)) == 1


async def test_an_upload_that_breaks_off_leaves_nothing(blobs: BlobStore) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await blobs.write(broken())
    assert files_of(blobs) == []


async def test_an_upload_that_is_cancelled_leaves_nothing(blobs: BlobStore) -> None:
    started = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1_000_000
            started.set()
            await asyncio.sleep(0)

    task = asyncio.ensure_future(blobs.write(endless()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await blobs.close()
    assert files_of(blobs) == []


async def test_a_full_disk_is_refused_in_words_and_leaves_nothing(blobs: BlobStore) -> None:
    with file_size_limit(1_500_000), pytest.raises(StoreRefused, match="no room left") as refused:
        await blobs.write(chunked(b"x" * 5_000_000))
    assert refused.value.code == "StorageFull"
    assert files_of(blobs) == []
    await blobs.write(chunked(b"x" * 5_000_000))


async def test_a_large_upload_needs_little_memory(blobs: BlobStore) -> None:
    piece = os.urandom(64 * 1024)

    async def large() -> AsyncIterator[bytes]:
        for _ in range(2400):
            yield piece

    await blobs.write(chunked(piece * 40))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stored = await blobs.write(large())
    async for _ in blobs.read(stored.object_id):
        pass
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert stored.size == 2400 * 64 * 1024
    assert grown_kib < 30_000


# --- blocks


async def test_blocks_are_joined_in_the_order_of_the_list(blobs: BlobStore) -> None:
    parts = {"Zm9v/+==": os.urandom(1_500_000), "b": b"", "c" * 300: b"tail"}
    for block_id, data in parts.items():
        await blobs.write_block("azureml", "a/b", block_id, chunked(data))
    order = ["c" * 300, "Zm9v/+==", "b", "c" * 300]
    stored = await blobs.write_block_list("azureml", "a/b", order)
    expected = b"".join(parts[i] for i in order)
    assert (stored.object_id, stored.size) == (sha256(expected).hexdigest(), len(expected))
    await blobs.drop_blocks("azureml", "a/b")
    assert files_of(blobs) == [blobs.object_path(stored.object_id)]
    await blobs.drop_blocks("azureml", "a/b")


async def test_the_same_block_again_replaces_the_first(blobs: BlobStore) -> None:
    for data in (b"first", b"second"):
        await blobs.write_block("azureml", "a", "1", chunked(data))
    assert (await blobs.write_block_list("azureml", "a", ["1"])).object_id == sha256(b"second").hexdigest()


async def test_blocks_belong_to_one_blob(blobs: BlobStore) -> None:
    await blobs.write_block("azureml", "a", "1", chunked(b"mine"))
    with pytest.raises(InvalidInput, match="not uploaded") as refused:
        await blobs.write_block_list("azureml", "b", ["1"])
    assert refused.value.code == "InvalidBlockList"
    assert (await blobs.write_block_list("azureml", "b", [])).object_id == EMPTY_SHA256


async def test_a_block_with_a_wrong_md5_is_not_kept(blobs: BlobStore) -> None:
    with pytest.raises(InvalidInput, match="MD5"):
        await blobs.write_block("azureml", "a", "1", chunked(b"x"), content_md5=b64encode(b"0" * 16).decode())
    with pytest.raises(InvalidInput, match="not uploaded"):
        await blobs.write_block_list("azureml", "a", ["1"])


async def test_blocks_survive_a_restart_but_not_a_week(blobs: BlobStore) -> None:
    await blobs.write_block("azureml", "a", "1", chunked(b"x"))
    await blobs.write_block("azureml", "old", "1", chunked(b"x"))
    await blobs.open()
    assert len(files_of(blobs)) == 2
    old = blobs._block_path("azureml", "old", "1").parent
    os.utime(old, times=(0, old.stat().st_mtime - BLOCK_LIFETIME_S - 60))
    await blobs.open()
    assert len(files_of(blobs)) == 1
    await blobs.write_block_list("azureml", "a", ["1"])


async def test_a_block_path_that_leads_elsewhere_is_refused(blobs: BlobStore) -> None:
    with pytest.raises(InvalidInput):
        await blobs.write_block("azureml", "../x", "1", chunked(b"x"))


async def test_objects_that_no_row_refers_to_can_be_dropped(blobs: BlobStore) -> None:
    kept, dropped = [await blobs.write(chunked(data)) for data in (b"kept", b"dropped")]
    assert await blobs.drop_unreferenced({kept.object_id}) == 1
    assert files_of(blobs) == [blobs.object_path(kept.object_id)]
    assert not blobs.object_path(dropped.object_id).exists()
