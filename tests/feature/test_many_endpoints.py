"""What is done for one endpoint concerns that one alone, however many others there are: a whole control plane with real
Envoy and instances that are one."""

import asyncio
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import teal
from benchmarks.scale.content import fill_store, name_of
from benchmarks.scale.control_plane import ControlPlane, settle
from teal.gateway.envoy_settings import EnvoySettings
from teal.gateway.resources import endpoint_of
from teal.gateway.session import Session
from teal.reconcile import loop
from teal.store.database import Store, Transaction
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until

FEW, MANY = 2, 60


@pytest.fixture
async def upstream() -> AsyncIterator[int]:
    """Answers every request with an empty object."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield int(server.sockets[0].getsockname()[1])


@pytest.fixture(autouse=True)
def no_regular_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """They come by the clock: on a slow machine in the middle of what is counted."""
    monkeypatch.setattr(loop, "RESYNC_S", 3600.0)


@asynccontextmanager
async def control_plane(folder: Path, endpoints: int, upstream: int) -> AsyncIterator[ControlPlane]:
    store = Store(folder)
    await store.open()
    await fill_store(store, endpoints, upstream)
    await store.close()
    settings = EnvoySettings(
        run_dir=folder / "run", log_file=folder / "envoy.log", host="127.0.0.1", port=free_port(), concurrency=1,
        drain_s=0.0,
    )  # fmt: skip
    plane = ControlPlane(folder, settings, endpoints, upstream)
    try:
        await plane.start()
        await settle(plane)
        yield plane
    finally:
        await plane.stop(keep_envoy=False)


@dataclass
class Work:
    """What is done for one change: calls of Teal's functions, statements, resources sent."""

    calls: Counter[str] = field(default_factory=Counter)
    statements: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    @contextmanager
    def counted(self, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        send = Session._send

        def note_sent(session: Session, batch: Any) -> None:
            self.sent += [resource.name for part in batch for resource in part.step.send]
            self.sent += [name for part in batch for name in part.step.remove]
            send(session, batch)

        with monkeypatch.context() as patch:
            patch.setattr(Session, "_send", note_sent)
            for verb in ("read", "write"):
                patch.setattr(plane.store, verb, partial(self._in_thread, getattr(plane.store, verb)))
            sys.setprofile(self._note)
            try:
                yield
            finally:
                sys.setprofile(None)

    async def _in_thread(self, submit: Callable[..., Any], fn: Callable[[Transaction], Any]) -> Any:
        def run(tx: Transaction) -> Any:
            connection = tx.connection.connection.driver_connection
            assert isinstance(connection, sqlite3.Connection)
            connection.set_trace_callback(self.statements.append)
            sys.setprofile(self._note)
            try:
                return fn(tx)
            finally:
                sys.setprofile(None)
                connection.set_trace_callback(None)

        return await submit(run)

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(TEAL):
            self.calls[f"{code.co_filename.removeprefix(TEAL)}:{code.co_qualname}"] += 1


TEAL = str(Path(teal.__file__).parent)


async def observe_change(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Work:
    """The second change of an endpoint, until nothing is done any more."""
    await plane.shift(name_of(1), "green")
    await settle(plane)
    plane.looked_at.clear()
    work = Work()
    with work.counted(plane, monkeypatch):
        await plane.shift(name_of(1), "blue")
        await settle(plane)
    return work


async def test_a_change_is_as_much_work_among_many_endpoints_as_among_few(
    short_folder: Path, upstream: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with control_plane(short_folder / "few", FEW, upstream) as plane:
        among_few = await observe_change(plane, monkeypatch)
    async with control_plane(short_folder / "many", MANY, upstream) as plane:
        among_many = await observe_change(plane, monkeypatch)
        plans = await plane.store.read(partial(explain, statements=among_many.statements))
        assert set(plane.looked_at) == {name_of(1)}
    assert {endpoint_of(name) for name in among_many.sent} == {name_of(1)}
    assert len(among_many.sent) == len(among_few.sent)
    # Whatever goes through all endpoints calls something for each; a pass more or less is a matter of timing.
    more = among_many.calls - among_few.calls
    assert {name: count for name, count in more.items() if count > (MANY - FEW) / 2} == {}
    assert len(among_many.statements) < 1.5 * len(among_few.statements)
    assert plans
    assert [plan for plan in plans if plan.startswith("SCAN")] == []


def explain(tx: Transaction, statements: list[str]) -> list[str]:
    """How SQLite finds the rows."""
    asked = {text for text in statements if text.split()[0] in ("SELECT", "UPDATE", "DELETE")}
    found = [tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}") for text in sorted(asked)]
    return [row[3] for rows in found for row in rows]


async def test_a_gateway_that_comes_back_is_given_everything_without_a_look_at_every_endpoint(
    short_folder: Path, upstream: int
) -> None:
    async with control_plane(short_folder / "plane", MANY, upstream) as plane:
        plane.looked_at.clear()
        before = plane.gateway.envoy_pid
        assert before is not None
        await plane.end_gateway()
        await wait_until(lambda: plane.gateway.envoy_pid not in (None, before), 30)
        for number in range(MANY):
            await wait_until(partial(is_settled, plane, number), 30)
        await wait_until(plane.gateway.is_listening, 30)
        assert plane.looked_at == []
        await plane.shift(name_of(3), "green")


def is_settled(plane: ControlPlane, number: int) -> bool:
    return not plane.gateway.in_force(name_of(number)).pending
