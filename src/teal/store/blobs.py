"""Uploaded files: their rows by container and path, and their bytes by content. Called by control."""

import asyncio
import hashlib
import os
import shutil
import time
from base64 import b64decode
from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, TypeVar

from sqlalchemy import delete, func, select

from teal.domain.blobs import Blob
from teal.domain.errors import InvalidInput
from teal.store.blob_paths import check_blob_path, check_container, next_after_prefix
from teal.store.database import Transaction
from teal.store.errors import explain_file_error
from teal.store.objects import ObjectWriter, StoredObject, sync_folder
from teal.store.rows import BLOBS
from teal.store.tables import blobs
from teal.store.upserts import save_row

T = TypeVar("T")

CHUNK_BYTES = 1024 * 1024
THREADS = 8
SYNC_BYTES = 16 * 1024 * 1024
BLOCK_LIFETIME_S = 7 * 24 * 3600.0


def load_blob(tx: Transaction, container: str, path: str) -> Blob | None:
    query = select(blobs.c.body).where(blobs.c.container == container, blobs.c.path == path)
    body = tx.connection.execute(query).scalar()
    return None if body is None else BLOBS.parse(body)


def list_blobs(tx: Transaction, container: str, prefix: str = "") -> tuple[Blob, ...]:
    """The blobs of a container whose path starts with `prefix` (exactly, in its case), by path."""
    query = select(blobs.c.body).where(blobs.c.container == container).order_by(blobs.c.path)
    if prefix:
        query = query.where(blobs.c.path >= prefix, func.substr(blobs.c.path, 1, len(prefix)) == prefix)
        if (end := next_after_prefix(prefix)) is not None:
            query = query.where(blobs.c.path < end)
    return tuple(BLOBS.parse(body) for body in tx.connection.execute(query).scalars())


def save_blob(tx: Transaction, blob: Blob) -> None:
    """The row of a blob whose bytes are stored already; an older one of that path is replaced."""
    check_container(blob.container)
    check_blob_path(blob.path)
    save_row(
        tx,
        blobs,
        {"container": blob.container, "path": blob.path},
        {"object_id": blob.object_id, "body": BLOBS.format(blob)},
    )


def delete_blob(tx: Transaction, container: str, path: str) -> None:
    """The row only; its bytes go with `BlobStore.drop_unreferenced`."""
    tx.connection.execute(delete(blobs).where(blobs.c.container == container, blobs.c.path == path))


def list_object_ids(tx: Transaction) -> frozenset[str]:
    """Every object that some blob refers to."""
    return frozenset(tx.connection.execute(select(blobs.c.object_id).distinct()).scalars())


class BlobStore:
    """The bytes of one server, in three folders below `root`: objects/<2>/<sha256>, blocks (uploaded parts that wait
    for their block list) and tmp (what is being written). A name in objects or blocks always holds whole content."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._objects = root / "objects"
        self._blocks = root / "blocks"
        self._tmp = root / "tmp"
        self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="blobs")

    async def open(self) -> None:
        """Make the folders; clear what a killed server left unfinished and blocks that nobody committed in a week."""
        await self._call(self._open)

    async def close(self) -> None:
        await asyncio.to_thread(self._pool.shutdown, wait=True)

    def object_path(self, object_id: str) -> Path:
        return self._objects / object_id[:2] / object_id

    async def write(self, chunks: AsyncIterable[bytes], *, content_md5: str | None = None) -> StoredObject:
        """Store the bytes of `chunks`, whatever their size, and say what they are. `content_md5` (base64), when
        given, must be theirs."""
        async with _Closing(self, ObjectWriter(self._tmp)) as writer:
            await self._fill(writer, chunks)
            return await self._call(self._keep_object, writer, content_md5)

    async def write_block(
        self,
        container: str,
        path: str,
        block_id: str,
        chunks: AsyncIterable[bytes],
        *,
        content_md5: str | None = None,
    ) -> StoredObject:
        """Put Block: one part of a blob, kept until its block list comes. The same id again replaces it."""
        block = self._block_path(container, path, block_id)
        async with _Closing(self, ObjectWriter(self._tmp)) as writer:
            await self._fill(writer, chunks)
            return await self._call(_keep_block, writer, block, content_md5)

    async def write_block_list(
        self, container: str, path: str, block_ids: Sequence[str], *, content_md5: str | None = None
    ) -> StoredObject:
        """Put Block List: one object from the blocks in this order. They stay until `drop_blocks`, so that a client
        can repeat the call when the row could not be saved."""
        sources = [self._block_path(container, path, block_id) for block_id in block_ids]
        return await self._call(self._join, sources, content_md5)

    async def drop_blocks(self, container: str, path: str) -> None:
        """Forget the uploaded blocks of a blob, after its row was saved."""
        folder = self._block_path(container, path, "").parent
        await self._call(lambda: shutil.rmtree(folder, ignore_errors=True))

    async def read(self, object_id: str, *, offset: int = 0, size: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `offset`, `size` of them or all that follow, in pieces."""
        path = self.object_path(object_id)
        file = await self._call(_open_for_reading, path)
        try:
            await self._call(file.seek, offset)
            left = size
            while left is None or left > 0:
                data = await self._call(file.read, CHUNK_BYTES if left is None else min(CHUNK_BYTES, left))
                if not data:
                    return
                left = None if left is None else left - len(data)
                yield data
        finally:
            file.close()

    async def drop_unreferenced(self, referenced: Collection[str]) -> int:
        """Delete the objects that are not in `referenced` and say how many. Only while nothing is uploaded: an object
        whose row is not saved yet would go too."""
        return await self._call(self._drop_unreferenced, referenced)

    # --- private

    async def _fill(self, writer: ObjectWriter, chunks: AsyncIterable[bytes]) -> None:
        """Three things at once: a piece is received, the one before it hashed and written, and what was written
        before goes to the disk."""
        writing: asyncio.Future[None] | None = None
        syncing: asyncio.Future[None] | None = None
        unsynced = 0
        try:
            async for chunk in _gather(chunks):
                if writing:
                    await writing
                writing = asyncio.ensure_future(self._call(writer.write, chunk))
                unsynced += len(chunk)
                if unsynced >= SYNC_BYTES and (syncing is None or syncing.done()):
                    if syncing:
                        await syncing
                    syncing, unsynced = asyncio.ensure_future(self._call(writer.sync)), 0
        finally:
            # All of them, also when one has failed or the client has gone.
            ended = await asyncio.gather(*(one for one in (writing, syncing) if one), return_exceptions=True)
        for result in ended:
            if isinstance(result, BaseException):
                raise result

    async def _call(self, fn: Callable[..., T], *args: object) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, fn, *args)
        except OSError as error:
            raise explain_file_error(error, str(self.root)) from error

    def _open(self) -> None:
        shutil.rmtree(self._tmp, ignore_errors=True)
        for folder in (self.root, self._objects, self._blocks, self._tmp):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(self.root)
        for folder in self._blocks.iterdir():
            if time.time() - folder.stat().st_mtime > BLOCK_LIFETIME_S:
                shutil.rmtree(folder, ignore_errors=True)

    def _block_path(self, container: str, path: str, block_id: str) -> Path:
        # Digests, because block ids and paths may be longer than a file name and hold any character.
        check_container(container)
        check_blob_path(path)
        return self._blocks / _digest(f"{container}/{path}") / _digest(block_id)

    def _keep_object(self, writer: ObjectWriter, content_md5: str | None) -> StoredObject:
        stored = writer.stored
        _check_md5(stored, content_md5)
        path = self.object_path(stored.object_id)
        if not path.exists():
            writer.keep(path)
        return stored

    def _join(self, sources: list[Path], content_md5: str | None) -> StoredObject:
        with ObjectWriter(self._tmp) as writer:
            buffer = memoryview(bytearray(CHUNK_BYTES))
            for source in sources:
                try:
                    file = source.open("rb", buffering=0)
                except FileNotFoundError:
                    raise InvalidInput(
                        "The block list names a block that was not uploaded.",
                        code="InvalidBlockList",
                        hint="Upload the file again.",
                    ) from None
                with file:
                    while count := file.readinto(buffer):
                        writer.write(buffer[:count])
            return self._keep_object(writer, content_md5)

    def _drop_unreferenced(self, referenced: Collection[str]) -> int:
        dropped = 0
        for path in self._objects.glob("*/*"):
            if path.name not in referenced:
                path.unlink()
                dropped += 1
        return dropped


class _Closing:
    """An ObjectWriter whose opening and closing happen in the blob store's threads."""

    def __init__(self, store: BlobStore, writer: ObjectWriter) -> None:
        self._store = store
        self._writer = writer

    async def __aenter__(self) -> ObjectWriter:
        return await self._store._call(self._writer.__enter__)

    async def __aexit__(self, *error: object) -> None:
        # Shielded: a second cancellation must not leave the file behind.
        await asyncio.shield(self._store._call(self._writer.__exit__, None, None, None))


async def _gather(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces of about CHUNK_BYTES, so that each is worth a trip to a thread."""
    buffer = bytearray()
    async for chunk in chunks:
        buffer += chunk
        if len(buffer) >= CHUNK_BYTES:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)


def _keep_block(writer: ObjectWriter, path: Path, content_md5: str | None) -> StoredObject:
    stored = writer.stored
    _check_md5(stored, content_md5)
    writer.keep(path)
    return stored


def _check_md5(stored: StoredObject, content_md5: str | None) -> None:
    if content_md5 is None:
        return
    try:
        wanted = b64decode(content_md5, validate=True)
    except ValueError:
        wanted = b""
    if wanted != b64decode(stored.md5):
        raise InvalidInput(
            f"The bytes received have the MD5 {stored.md5}, not {content_md5}: they were changed on the way.",
            code="Md5Mismatch",
            target="Content-MD5",
            hint="Upload the file again.",
        )


def _open_for_reading(path: Path) -> BinaryIO:
    return path.open("rb")


def _digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()
