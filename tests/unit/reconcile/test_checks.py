"""Checks run beside everything else: a few at once, and none is over before its instance is gone."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from teal.domain.checks import CheckState, SampleRequest
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
