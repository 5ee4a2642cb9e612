"""The store: many readers, one writer, every write whole or not at all. Constructed by teal.server; control and
reconcile hand it functions over a Transaction."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import DBAPIError

from teal.store import tables
from teal.store.errors import StoreRefused, explain_database_error, explain_file_error
from teal.store.schema import apply_migrations
from teal.store.secrets import Secrets, load_secrets
from teal.store.sqlite import BUSY_TIMEOUT_S, build_reader, build_writer, create_file

T = TypeVar("T")

READERS = 4


@dataclass(frozen=True, slots=True)
class Transaction:
    """What the functions of this room work on. Valid only inside the function given to `read` or `write`."""

    connection: Connection
    secrets: Secrets
    touched: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    """Operations that this write has ended."""

    def touch(self, endpoint_name: str) -> None:
        """Say that this write concerns an endpoint: after the commit, `Store.changed` hears its name. Saving does not
        say it by itself, so that the loop's own notes do not wake the loop."""
        self.touched.add(endpoint_name)


class Store:
    """The database of one data directory."""

    changed: Callable[[frozenset[str]], None] | None = None
    """Called on the event loop after each commit that touched endpoints, before `write` returns."""

    def __init__(self, data_dir: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.path = data_dir / "teal.db"
        self.key_path = data_dir / "secret.key"
        self._busy_timeout_s = busy_timeout_s
        self._writes = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-write")
        self._reads = ThreadPoolExecutor(max_workers=READERS, thread_name_prefix="store-read")
        self._writer: Engine | None = None
        self._reader: Engine | None = None
        self._secrets: Secrets | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[str, list[asyncio.Event]] = {}

    async def open(self) -> None:
        """Create or migrate the database and check its key; StoreRefused when this version cannot work with it."""
        self._loop = asyncio.get_running_loop()
        try:
            await self._loop.run_in_executor(self._writes, self._open)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish the writes that are queued, then close every connection. Safe to repeat."""
        await asyncio.to_thread(self._close)

    async def read(self, fn: Callable[[Transaction], T]) -> T:
        """What `fn` finds in one consistent snapshot. Writes made meanwhile are neither seen nor held up."""
        return await self._submit(self._reads, lambda: self._run(self._reader, fn)[0])

    async def write(self, fn: Callable[[Transaction], T]) -> T:
        """Run `fn` after the writes asked for earlier, and commit; if it raises, nothing has changed.

        A caller that is cancelled while `fn` runs does not undo it: the commit and its `changed` still happen.
        """
        return await self._submit(self._writes, lambda: self._write(fn))

    @contextmanager
    def hear_end(self, operation_id: str) -> Iterator[asyncio.Event]:
        """Set as soon as a commit has ended that operation. Look at it inside the `with`, so that no end is missed."""
        ended = asyncio.Event()
        self._waiting.setdefault(operation_id, []).append(ended)
        try:
            yield ended
        finally:
            self._waiting[operation_id].remove(ended)
            if not self._waiting[operation_id]:
                del self._waiting[operation_id]

    # --- private

    async def _submit(self, pool: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        if self._loop is None:
            raise RuntimeError("the store was not opened")
        try:
            future = self._loop.run_in_executor(pool, call)
        except RuntimeError:
            raise StoreRefused(
                "The server is stopping; its store is closed.",
                code="StorageClosed",
                hint="Repeat the request when the server runs again.",
            ) from None
        return await future

    def _open(self) -> None:
        try:
            create_file(self.path)
        except OSError as error:
            raise explain_file_error(error, str(self.path)) from error
        self._writer = build_writer(self.path, busy_timeout_s=self._busy_timeout_s)
        self._reader = build_reader(self.path, size=READERS, busy_timeout_s=self._busy_timeout_s)
        with _Explained(self.path), self._writer.begin() as connection:
            apply_migrations(connection, self.path)
            self._secrets = _check_secrets(connection, self.key_path)

    def _close(self) -> None:
        self._writes.shutdown(wait=True)
        self._reads.shutdown(wait=True)
        # The writer last: the last connection to go folds the write-ahead log into the database.
        for engine in (self._reader, self._writer):
            if engine is not None:
                engine.dispose()

    def _write(self, fn: Callable[[Transaction], T]) -> T:
        result, tx = self._run(self._writer, fn)
        # From this thread and not by the caller, who may have been cancelled while the commit was made.
        if (tx.touched or tx.ended) and self._loop is not None:
            self._loop.call_soon_threadsafe(self._tell, tx)
        return result

    def _tell(self, tx: Transaction) -> None:
        if tx.touched and self.changed is not None:
            self.changed(frozenset(tx.touched))
        for operation_id in tx.ended:
            for ended in self._waiting.get(operation_id, ()):
                ended.set()

    def _run(self, engine: Engine | None, fn: Callable[[Transaction], T]) -> tuple[T, Transaction]:
        if engine is None or self._secrets is None:
            raise RuntimeError("the store was not opened")
        with _Explained(self.path), engine.begin() as connection:
            tx = Transaction(connection, self._secrets)
            return fn(tx), tx


class _Explained:
    """Turns the failures of the database inside a `with` into StoreRefused."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, DBAPIError):
            refusal = explain_database_error(error, str(self._path))
            if refusal is not None:
                raise refusal from error


_SEAL = "key-check"


def _check_secrets(connection: Connection, path: Path) -> Secrets:
    # A value sealed on the first start tells the right key from another one before any request needs it.
    sealed = connection.execute(select(tables.seals.c.sealed).where(tables.seals.c.name == _SEAL)).scalar()
    secrets = load_secrets(path, may_create=sealed is None)
    if sealed is None:
        connection.execute(tables.seals.insert().values(name=_SEAL, sealed=secrets.seal(_SEAL)))
    else:
        secrets.open(sealed)
    return secrets
