"""A real store in a temporary folder, and verbs called in it one by one."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest

from teal.control import deployments, endpoints
from teal.control.requests import Accepted, Moment
from teal.domain.assets import AssetVersion
from teal.domain.deployments import DeploymentSpec, DeploymentStatus
from teal.domain.endpoints import EndpointSpec, EndpointStatus
from teal.domain.operations import Operation, OperationStatus
from teal.domain.quotas import NO_QUOTA
from teal.domain.resource_ids import AssetKind
from teal.domain.states import ProvisioningState
from teal.store import assets as stored_assets
from teal.store import deployments as stored_deployments
from teal.store import endpoints as stored_endpoints
from teal.store import operations as stored_operations
from teal.store.database import Store, Transaction
from tests.harness.passes import WORKSPACE, deployment_spec

T = TypeVar("T")


class Verbs:
    """The verbs over one store, with a clock and ids that count; `finish` plays the loop."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._ids = count(1)
        self.now = 100.0
        self.quota = NO_QUOTA

    def moment(self) -> Moment:
        self.now += 1
        return Moment(self.now, lambda: f"id-{next(self._ids)}")

    async def call(self, verb: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return await self.store.write(lambda tx: verb(tx, WORKSPACE, *args, **kwargs))

    async def put_endpoint(self, name: str = "ep1", **changes: Any) -> Accepted[endpoints.EndpointView]:
        def build(current: object) -> EndpointSpec:
            spec = getattr(current, "spec", EndpointSpec())
            return replace(spec, **changes)

        return await self.call(endpoints.put_endpoint, name, build, self.moment(), quota=self.quota)

    async def put_deployment(self, name: str = "blue", **changes: Any) -> Accepted[deployments.DeploymentView]:
        def build(current: object) -> DeploymentSpec:
            return replace(getattr(current, "spec", deployment_spec()), **changes)

        return await self.call(deployments.put_deployment, "ep1", name, build, self.moment(), quota=self.quota)

    async def unfinished(self) -> list[tuple[str, str | None]]:
        operations = await self.store.read(lambda tx: stored_operations.list_unfinished(tx, "ep1"))
        return [(str(o.kind), o.deployment) for o in operations]

    async def finish(self, operation: Operation | None, *, failed: bool = False) -> None:
        assert operation is not None
        outcome = ProvisioningState.FAILED if failed else ProvisioningState.SUCCEEDED

        def write(tx: Transaction) -> None:
            status = OperationStatus.FAILED if failed else OperationStatus.SUCCEEDED
            stored_operations.save_operation(tx, replace(operation, status=status, ended_at=self.now))
            if isinstance(operation.wanted, EndpointSpec):
                before = stored_endpoints.load_endpoint_status(tx, operation.endpoint)
                in_force = before.in_force if before and failed else operation.wanted
                stored_endpoints.save_endpoint_status(
                    tx, operation.endpoint, EndpointStatus(in_force=in_force, outcome=outcome)
                )
            elif isinstance(operation.wanted, DeploymentSpec) and operation.deployment:
                seen = DeploymentStatus(serving=None if failed else operation.wanted, outcome=outcome)
                stored_deployments.save_deployment_status(tx, operation.endpoint, operation.deployment, seen)

        await self.store.write(write)


@pytest.fixture
async def verbs(tmp_path: Path) -> AsyncIterator[Verbs]:
    store = Store(tmp_path)
    await store.open()
    yield Verbs(store)
    await store.close()


@pytest.fixture
async def with_assets(verbs: Verbs) -> Verbs:
    """Two versions of the model `m`, code `c` and environment `e`, and the endpoint `ep1`, in service."""

    def write(tx: Transaction) -> None:
        for kind, name, version in (
            (AssetKind.MODEL, "m", "1"),
            (AssetKind.MODEL, "m", "2"),
            (AssetKind.CODE, "c", "1"),
            (AssetKind.ENVIRONMENT, "e", "1"),
        ):
            stored_assets.save_version(
                tx,
                AssetVersion(
                    workspace=WORKSPACE, kind=kind, name=name, version=version, body={}, created_at=1, modified_at=1
                ),
            )

    await verbs.store.write(write)
    await verbs.finish((await verbs.put_endpoint()).operation)
    return verbs
