"""The loop itself, on a real store, with a backend and a gateway that do as the test says."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from teal.compute.backend import Backend
from teal.control import endpoints
from teal.control.requests import Moment
from teal.domain.endpoints import EndpointSpec
from teal.domain.instances import InstanceObserved, InstanceSpec
from teal.domain.operations import OperationStatus
from teal.gateway.gateway import Gateway
from teal.gateway.model import EndpointModel
from teal.gateway.publications import InForce
from teal.reconcile.loop import ERRORS_BEFORE_GIVING_UP, Loop
from teal.store import operations
from teal.store.database import Store
from tests.harness.passes import WORKSPACE


@dataclass
class NoBackend:
    """Knows no instances."""

    changed: Callable[[str], None] = lambda _: None

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def apply(self, spec: InstanceSpec, *, attempt: int) -> None: ...

    def observe(self) -> Mapping[str, InstanceObserved]:
        return {}

    async def remove(self, instance_id: str, *, grace_s: float) -> None: ...

    async def logs(self, instance_id: str, *, container: str, tail: int) -> str:
        return ""


@dataclass
class ScriptedGateway:
    """Acknowledges at once; `defects` are endpoints that it cannot be told about."""

    changed: Callable[[str | None], None] = lambda _: None
    defects: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    models: dict[str, EndpointModel] = field(default_factory=dict)
    is_complete: bool = False
    withdrawn: Callable[[str], None] = lambda _: None

    def hold(self, names: Iterable[str]) -> None:
        self.held = set(names)

    def set_complete(self) -> None:
        self.is_complete = True

    def publish(self, model: EndpointModel) -> str:
        if model.name in self.defects:
            raise ZeroDivisionError("a defect")
        self.held.discard(model.name)
        self.models[model.name] = model
        self.changed(model.name)
        return model.version

    def withdraw(self, name: str) -> None:
        self.models.pop(name, None)
        self.withdrawn(name)

    def in_force(self, name: str) -> InForce:
        model = self.models.get(name)
        return InForce(version=model.version if model else None, rejected=None, pending=False)


@dataclass
class Scene:
    store: Store
    gateway: ScriptedGateway
    now: float = 100.0

    def new_loop(self) -> Loop:
        backend = cast(Backend, NoBackend())
        return Loop(self.store, backend, cast(Gateway, self.gateway), Path, clock=lambda: self.now)

    async def create(self, name: str) -> str:
        ids = iter(range(100))
        accepted = await self.store.write(
            lambda tx: endpoints.put_endpoint(
                tx, WORKSPACE, name, lambda _: EndpointSpec(), Moment(self.now, lambda: f"{name}-{next(ids)}")
            )
        )
        assert accepted.operation is not None
        return accepted.operation.id

    async def outcome(self, operation: str) -> OperationStatus:
        loaded = await self.store.read(lambda tx: operations.load_operation(tx, operation))
        assert loaded is not None
        return loaded.status


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    store = Store(tmp_path)
    await store.open()
    yield Scene(store, ScriptedGateway())
    await store.close()


async def test_an_endpoint_whose_first_pass_fails_is_held_not_withdrawn(scene: Scene) -> None:
    await scene.create("good")
    await scene.create("broken")
    scene.gateway.defects = {"broken"}
    await scene.new_loop().open()
    assert scene.gateway.is_complete
    assert set(scene.gateway.models) == {"good"}
    assert scene.gateway.held == {"broken"}


async def test_a_change_that_makes_every_pass_fail_ends_as_failed_and_holds_up_nothing(scene: Scene) -> None:
    loop = scene.new_loop()
    await loop.open()
    operation = await scene.create("broken")
    scene.gateway.defects = {"broken"}
    for _ in range(ERRORS_BEFORE_GIVING_UP):
        assert await scene.outcome(operation) is OperationStatus.IN_PROGRESS
        await loop.pass_over("broken")
    assert await scene.outcome(operation) is OperationStatus.FAILED
    view = await scene.store.read(lambda tx: endpoints.get_endpoint(tx, WORKSPACE, "broken"))
    assert view.status is not None
    assert view.status.failure is not None
    assert "ZeroDivisionError: a defect" in view.status.failure.message


async def test_a_name_that_is_woken_during_its_last_pass_is_not_forgotten(scene: Scene) -> None:
    loop = scene.new_loop()
    await loop.open()
    scene.gateway.withdrawn = lambda name: loop.wake([name])
    loop.wake(["endpoint"])
    await loop.pass_over_due()
    scene.store.changed = None
    operation = await scene.create("endpoint")
    await loop.pass_over_due()
    await loop.pass_over_due()
    assert await scene.outcome(operation) is OperationStatus.SUCCEEDED
