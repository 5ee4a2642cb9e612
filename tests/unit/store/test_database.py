"""Transactions: whole or not at all, one writer, readers undisturbed, changes told after the commit."""

import asyncio
import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from teal.domain.endpoints import EndpointKeys
from teal.store.database import Store, Transaction
from teal.store.deployments import save_deployment
from teal.store.endpoints import (
    delete_endpoint,
    list_endpoint_names,
    list_endpoints,
    load_endpoint,
    save_endpoint,
    save_keys,
)
from teal.store.errors import StoreRefused
from tests.harness.waiting import wait_until
from tests.unit.store.entities import DEPLOYMENT, ENDPOINT, named_endpoint
from tests.unit.store.limits import file_size_limit


async def test_a_failing_write_changes_nothing(store: Store) -> None:
    def half(tx: Transaction) -> None:
        save_endpoint(tx, ENDPOINT)
        tx.touch(ENDPOINT.name)
        raise ZeroDivisionError

    heard: list[frozenset[str]] = []
    store.changed = heard.append
    with pytest.raises(ZeroDivisionError):
        await store.write(half)
    assert await store.read(list_endpoints) == ()
    assert heard == []


async def test_changes_are_told_on_the_event_loop_after_the_commit_and_before_the_write_returns(store: Store) -> None:
    heard: list[tuple[frozenset[str], bool]] = []
    store.changed = lambda names: heard.append((names, threading.current_thread() is threading.main_thread()))

    def write(tx: Transaction) -> None:
        save_endpoint(tx, ENDPOINT)
        tx.touch("churn")
        tx.touch("churn")
        tx.touch("other")

    await store.write(write)
    assert heard == [(frozenset({"churn", "other"}), True)]


async def test_what_is_told_is_already_there_to_be_read(store: Store) -> None:
    found: list[asyncio.Task] = []
    store.changed = lambda _: found.append(asyncio.ensure_future(store.read(list_endpoint_names)))

    def write(tx: Transaction) -> None:
        save_endpoint(tx, ENDPOINT)
        tx.touch("churn")

    await store.write(write)
    assert await found[0] == ("churn",)


async def test_a_write_that_touches_no_endpoint_tells_nobody(store: Store) -> None:
    store.changed = lambda _: pytest.fail("nothing was touched")
    await store.write(lambda tx: save_endpoint(tx, ENDPOINT))
    store.changed = None


async def test_a_cancelled_caller_does_not_silence_its_commit(store: Store) -> None:
    heard: list[frozenset[str]] = []
    store.changed = heard.append
    started, go_on = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> None:
        started.set()
        go_on.wait(10)
        save_endpoint(tx, ENDPOINT)
        tx.touch("churn")

    task = asyncio.ensure_future(store.write(slow))
    await wait_until(started.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await wait_until(lambda: heard == [frozenset({"churn"})])
    assert await store.read(lambda tx: load_endpoint(tx, "churn")) == ENDPOINT


async def test_concurrent_writes_are_made_one_after_the_other_and_none_is_lost(store: Store) -> None:
    def count_up(tx: Transaction) -> None:
        found = load_endpoint(tx, "counter")
        generation = found.generation if found else 0
        save_endpoint(tx, replace(ENDPOINT, name="counter", generation=generation + 1))

    await asyncio.gather(*(store.write(count_up) for _ in range(50)))
    found = await store.read(lambda tx: load_endpoint(tx, "counter"))
    assert found is not None
    assert found.generation == 50


async def test_two_stores_on_one_file_do_not_lose_each_others_writes(store: Store) -> None:
    other = Store(store.path.parent)
    await other.open()

    def count_up(tx: Transaction) -> None:
        found = load_endpoint(tx, "counter")
        generation = found.generation if found else 0
        save_endpoint(tx, replace(ENDPOINT, name="counter", generation=generation + 1))

    await asyncio.gather(*(s.write(count_up) for _ in range(25) for s in (store, other)))
    found = await other.read(lambda tx: load_endpoint(tx, "counter"))
    await other.close()
    assert found is not None
    assert found.generation == 50


async def test_two_stores_may_open_a_new_directory_at_once(tmp_path: Path) -> None:
    stores = [Store(tmp_path / "data") for _ in range(4)]
    await asyncio.gather(*(s.open() for s in stores))
    await stores[0].write(lambda tx: save_endpoint(tx, ENDPOINT))
    assert await stores[3].read(list_endpoint_names) == ("churn",)
    for s in stores:
        await s.close()


async def test_a_reader_sees_one_moment_while_writes_go_on(store: Store) -> None:
    looked, written = threading.Event(), threading.Event()

    def look_twice(tx: Transaction) -> tuple[tuple[str, ...], tuple[str, ...]]:
        before = list_endpoint_names(tx)
        looked.set()
        assert written.wait(10)
        return before, list_endpoint_names(tx)

    reading = asyncio.ensure_future(store.read(look_twice))
    await wait_until(looked.is_set)
    await store.write(lambda tx: save_endpoint(tx, ENDPOINT))
    written.set()
    assert await reading == ((), ())
    assert await store.read(list_endpoint_names) == ("churn",)


async def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(StoreRefused):
        await store.read(lambda tx: save_endpoint(tx, ENDPOINT))


async def test_what_refers_to_nothing_is_not_committed(store: Store) -> None:
    with pytest.raises(IntegrityError):
        await store.write(lambda tx: save_deployment(tx, DEPLOYMENT))

    def both(tx: Transaction) -> None:
        save_deployment(tx, DEPLOYMENT)
        save_endpoint(tx, ENDPOINT)

    await store.write(both)
    with pytest.raises(IntegrityError):
        await store.write(lambda tx: delete_endpoint(tx, "churn"))
    assert await store.read(list_endpoint_names) == ("churn",)


async def test_a_database_held_by_another_process_is_refused_and_works_again_afterwards(tmp_path: Path) -> None:
    store = Store(tmp_path, busy_timeout_s=0.05)
    await store.open()
    holder = sqlite3.connect(store.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreRefused, match="Another process holds") as refused:
        await store.write(lambda tx: save_endpoint(tx, ENDPOINT))
    assert refused.value.code == "StorageBusy"
    assert await store.read(list_endpoint_names) == ()
    holder.execute("ROLLBACK")
    holder.close()
    await store.write(lambda tx: save_endpoint(tx, ENDPOINT))
    await store.close()


async def test_a_full_database_is_refused_whole_and_works_again_when_there_is_room(store: Store) -> None:
    await store.write(lambda tx: save_endpoint(tx, ENDPOINT))
    pages = await store.write(lambda tx: tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one())
    await store.write(lambda tx: tx.connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}").scalar())

    def many(tx: Transaction) -> None:
        for number in range(1000):
            save_endpoint(tx, named_endpoint(f"e{number}"))

    with pytest.raises(StoreRefused, match="no room left") as refused:
        await store.write(many)
    assert refused.value.code == "StorageFull"
    assert await store.read(list_endpoint_names) == ("churn",)
    await store.write(lambda tx: tx.connection.exec_driver_sql("PRAGMA max_page_count=1000000").scalar())
    await store.write(many)
    assert len(await store.read(list_endpoint_names)) == 1001


async def test_a_disk_that_takes_no_more_bytes_is_refused_and_nothing_is_lost(store: Store) -> None:
    await store.write(lambda tx: save_endpoint(tx, ENDPOINT))

    def many(tx: Transaction) -> None:
        for number in range(1000):
            save_endpoint(tx, named_endpoint(f"e{number}"))

    with file_size_limit(400_000), pytest.raises(StoreRefused) as refused:
        await store.write(many)
    assert refused.value.code in ("StorageFull", "StorageUnwritable")
    assert await store.read(list_endpoint_names) == ("churn",)
    await store.write(many)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "teal.db").write_bytes(b"something else entirely" * 100)
    with pytest.raises(StoreRefused, match=r"teal\.db is damaged or is not a database") as refused:
        await Store(tmp_path).open()
    assert refused.value.code == "StorageDamaged"


async def test_a_data_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreRefused, match=r"cannot read or write .*teal\.db") as refused:
        await Store(tmp_path / "file").open()
    assert refused.value.code == "StorageUnwritable"


async def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = Store(tmp_path / "data")
        await store.open()
        await store.write(lambda tx: save_endpoint(tx, ENDPOINT))
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in store.path.parent.iterdir()}
    finally:
        os.umask(old)
    assert modes == {"teal.db": 0o600, "teal.db-wal": 0o600, "teal.db-shm": 0o600, "secret.key": 0o600}
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    await store.close()


async def test_closing_finishes_the_queued_writes_and_then_refuses(tmp_path: Path) -> None:
    store = Store(tmp_path)
    await store.open()

    def save(name: str) -> Callable[[Transaction], None]:
        return lambda tx: save_endpoint(tx, named_endpoint(name))

    writes = [asyncio.ensure_future(store.write(save(name))) for name in "abc"]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*writes)
    await store.close()
    with pytest.raises(StoreRefused, match="stopping") as refused:
        await store.read(list_endpoint_names)
    assert refused.value.code == "StorageClosed"
    assert sorted(os.listdir(tmp_path)) == ["secret.key", "teal.db"]
    again = Store(tmp_path)
    await again.open()
    assert await again.read(list_endpoint_names) == ("a", "b", "c")
    await again.close()


async def test_a_store_that_was_not_opened_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not opened"):
        await Store(tmp_path).read(list_endpoint_names)


async def test_keys_of_endpoints_do_not_lie_in_the_files_as_text(store: Store) -> None:
    def write(tx: Transaction) -> None:
        save_endpoint(tx, ENDPOINT)
        save_keys(tx, "churn", EndpointKeys("very-secret-primary", "very-secret-secondary"))

    await store.write(write)
    await store.close()
    assert b"very-secret" not in store.path.read_bytes()
