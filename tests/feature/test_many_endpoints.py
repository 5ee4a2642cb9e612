"""What is done for one endpoint concerns that one alone, however many others there are: a whole control plane with real
Envoy and instances that are one."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from benchmarks.scale.content import fill_store, name_of
from benchmarks.scale.control_plane import ControlPlane, settle
from teal.gateway.envoy_settings import EnvoySettings
from teal.store.database import Store
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until

ENDPOINTS = 25


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


@pytest.fixture
async def plane(tmp_path: Path, upstream: int) -> AsyncIterator[ControlPlane]:
    store = Store(tmp_path)
    await store.open()
    await fill_store(store, ENDPOINTS, upstream)
    await store.close()
    settings = EnvoySettings(
        run_dir=tmp_path / "run", log_file=tmp_path / "envoy.log", host="127.0.0.1", port=free_port(), concurrency=1,
        drain_s=0.0,
    )  # fmt: skip
    plane = ControlPlane(tmp_path, settings, ENDPOINTS, upstream)
    try:
        await plane.start()
        await settle(plane)
        yield plane
    finally:
        await plane.stop(keep_envoy=False)


async def test_a_change_is_looked_at_for_its_own_endpoint_only(plane: ControlPlane) -> None:
    plane.looked_at.clear()
    await plane.shift(name_of(7), "green")
    await wait_until(lambda: len(plane.looked_at) >= 3)
    assert set(plane.looked_at) == {name_of(7)}


async def test_a_gateway_that_comes_back_is_given_everything_without_a_look_at_every_endpoint(
    plane: ControlPlane,
) -> None:
    plane.looked_at.clear()
    before = plane.gateway.envoy_pid
    assert before is not None
    await plane.end_gateway()
    await wait_until(lambda: plane.gateway.envoy_pid not in (None, before), 30)
    for number in range(ENDPOINTS):
        await wait_until(partial(is_settled, plane, number), 30)
    await wait_until(plane.gateway.is_listening, 30)
    assert plane.looked_at == []
    await plane.shift(name_of(3), "green")


def is_settled(plane: ControlPlane, number: int) -> bool:
    return not plane.gateway.in_force(name_of(number)).pending
