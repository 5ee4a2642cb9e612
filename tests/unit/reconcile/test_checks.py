"""Checks run beside everything else: a few at once, and none is over before its instance is gone."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from teal.domain.checks import MAX_ANSWER_CHARS, CheckState, SampleRequest
from teal.domain.deployments import DeploymentSpec
from teal.domain.errors import Conflict
from teal.domain.instances import (
    AssetMount,
    EnvironmentDefinition,
    FileMount,
    InstanceObserved,
    InstancePhase,
    InstanceSpec,
)
from teal.domain.resource_ids import WorkspaceId
from teal.reconcile.checks import MAX_AT_ONCE, Checks, load_example
from teal.store.database import Store
from tests.harness.waiting import wait_until

WORKSPACE = WorkspaceId("sub", "group", "ws")


class Preparing:
    """A backend on which every instance is prepared for ever."""

    changed: Callable[[str], None] = staticmethod(lambda _: None)

    def __init__(self) -> None:
        self.instances: dict[str, InstanceObserved] = {}
        self.may_tell = asyncio.Event()
        self.may_tell.set()
        self.is_asked = False

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def apply(self, spec: InstanceSpec, *, attempt: int) -> None:
        self.instances[spec.instance_id] = InstanceObserved(
            instance_id=spec.instance_id, phase=InstancePhase.PREPARING, attempt=attempt, detail="building environment"
        )

    def observe(self) -> Mapping[str, InstanceObserved]:
        return self.instances

    async def remove(self, instance_id: str, *, grace_s: float) -> None:
        self.instances.pop(instance_id, None)

    async def logs(self, instance_id: str, *, container: str, tail: int) -> str:
        self.is_asked = True
        await self.may_tell.wait()
        return ""


@pytest.fixture
def backend() -> Preparing:
    return Preparing()


@pytest.fixture
async def checks(tmp_path: Path, backend: Preparing) -> AsyncIterator[Checks]:
    store = Store(tmp_path)
    await store.open()
    checks = Checks(store, backend, lambda _: tmp_path)
    yield checks
    await checks.close()
    assert not backend.instances
    await store.close()


def begin(checks: Checks, id: str) -> None:
    checks.begin(WORKSPACE, id, "blue", DeploymentSpec(), None)


async def test_a_cancelled_check_is_over_when_its_instance_is_gone(checks: Checks, backend: Preparing) -> None:
    begin(checks, "first")

    def is_seen() -> bool:
        check = checks.find(WORKSPACE, "first")
        return check is not None and check.doing == "building environment"

    await wait_until(is_seen)
    assert backend.instances
    await checks.cancel(WORKSPACE, "first")
    assert not backend.instances
    check = checks.find(WORKSPACE, "first")
    assert check is not None
    assert check.state is CheckState.CANCELED


async def test_a_check_that_is_cancelled_twice_leaves_nothing_behind(checks: Checks, backend: Preparing) -> None:
    begin(checks, "first")
    await wait_until(lambda: bool(backend.instances))
    backend.may_tell.clear()
    once = asyncio.create_task(checks.cancel(WORKSPACE, "first"))
    await wait_until(lambda: backend.is_asked)
    again = asyncio.create_task(checks.cancel(WORKSPACE, "first"))
    await asyncio.wait({again}, timeout=0)
    backend.may_tell.set()
    await asyncio.gather(once, again)
    assert not backend.instances


class Serving(Preparing):
    """A backend whose instances answer at this port."""

    port = 0

    async def apply(self, spec: InstanceSpec, *, attempt: int) -> None:
        self.instances[spec.instance_id] = InstanceObserved(
            instance_id=spec.instance_id,
            phase=InstancePhase.RUNNING,
            attempt=attempt,
            address="127.0.0.1",
            port=self.port,
        )


async def test_of_an_answer_without_an_end_the_beginning_counts(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
        try:
            while head.startswith(b"POST"):
                writer.write(b"x" * 1000)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    backend = Serving()
    store = Store(tmp_path)
    await store.open()
    checks = Checks(store, backend, lambda _: tmp_path)
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        backend.port = server.sockets[0].getsockname()[1]
        checks.begin(WORKSPACE, "first", "blue", DeploymentSpec(), SampleRequest(b"{}"))

        def is_over() -> bool:
            check = checks.find(WORKSPACE, "first")
            return check is not None and check.state is not CheckState.RUNNING

        await wait_until(is_over)
    check = checks.find(WORKSPACE, "first")
    assert check is not None
    assert check.answer is not None
    assert check.answer.body == "x" * MAX_ANSWER_CHARS
    await checks.close()
    await store.close()


def test_a_model_of_mlflow_is_asked_what_it_was_logged_with(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b'{"inputs": [1]}')
    files = (FileMount("trained/serving_input_example.json", str(tmp_path / "blob")),)
    spec = InstanceSpec(
        instance_id="i",
        endpoint="e",
        deployment="d",
        revision="r",
        model=AssetMount("m", "1", files),
        code=None,
        scoring_script=None,
        environment=EnvironmentDefinition(label="none"),
        mlflow_model="trained",
    )
    assert load_example(spec) == SampleRequest(b'{"inputs": [1]}')
    assert load_example(replace(spec, mlflow_model="other")) is None
    assert load_example(replace(spec, mlflow_model=None)) is None


async def test_more_than_a_few_at_once_are_refused(checks: Checks) -> None:
    for number in range(MAX_AT_ONCE):
        begin(checks, f"check-{number}")
    with pytest.raises(Conflict, match="running already"):
        begin(checks, "one-more")
    await checks.cancel(WORKSPACE, "check-0")
    begin(checks, "one-more")
