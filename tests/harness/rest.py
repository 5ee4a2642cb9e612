"""The REST surface alone: the real app over real TLS and a real store, without gateway and instances, in process."""

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from teal.api.app import build_app
from teal.api.calls import Services
from teal.domain.deployments import DeploymentStatus
from teal.domain.endpoints import EndpointStatus
from teal.domain.failures import Failure
from teal.domain.instances import InstanceObserved, InstancePhase, InstanceSpec
from teal.domain.operations import Operation, OperationStatus
from teal.domain.states import ProvisioningState
from teal.reconcile.checks import Checks
from teal.server.ca import CertificateFiles, ensure_certificate
from teal.server.ports import open_listener
from teal.server.token_key import ensure_token_key
from teal.store import deployments as stored_deployments
from teal.store import endpoints as stored_endpoints
from teal.store import operations as stored_operations
from teal.store.blobs import BlobStore
from teal.store.database import Store, Transaction
from tests.harness.waiting import wait_until

TOKEN = "the-token-of-this-test"
WORKSPACE = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws"
ENDPOINTS = f"{WORKSPACE}/onlineEndpoints"


@dataclass(kw_only=True)
class RestServer:
    """A running surface. `client` carries the token, `stranger` does not; `now` is the server's clock."""

    store: Store
    client: httpx.AsyncClient
    stranger: httpx.AsyncClient
    app: Any
    now: float
    logs: dict[tuple[str, str], str] = field(default_factory=dict)
    requests: dict[tuple[str, str], Mapping[str, int]] | None = None
    """By endpoint and deployment; None: the gateway cannot be asked."""

    async def settle(self, *, failure: Failure | None = None) -> list[Operation]:
        """End every unfinished operation the way the loop would: succeeded, or failed for this reason."""
        return await self.store.write(lambda tx: _settle(tx, self.now, failure))


class NoInstances:
    """A backend on which every instance ends at once."""

    changed: Callable[[str], None] = staticmethod(lambda _: None)

    def __init__(self) -> None:
        self._ended: dict[str, InstanceObserved] = {}

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def apply(self, spec: InstanceSpec, *, attempt: int) -> None:
        failure = Failure(code="InstanceExited", message="There are no instances here.")
        self._ended[spec.instance_id] = InstanceObserved(
            instance_id=spec.instance_id, phase=InstancePhase.EXITED, attempt=attempt, failure=failure
        )

    def observe(self) -> Mapping[str, InstanceObserved]:
        return self._ended

    async def remove(self, instance_id: str, *, grace_s: float) -> None:
        self._ended.pop(instance_id, None)

    async def logs(self, instance_id: str, *, container: str, tail: int) -> str:
        return f"{instance_id}: {container}, {tail} lines\n"


@asynccontextmanager
async def running_rest(folder: Path, *, create_workspaces: bool = True) -> AsyncIterator[RestServer]:
    store, blobs = Store(folder), BlobStore(folder / "blobs")
    await store.open()
    await blobs.open()
    files = CertificateFiles(*(folder / name for name in ("ca.pem", "ca.key", "server.pem", "server.key")))
    ensure_certificate(files, [], datetime.now(UTC))
    listener = open_listener("127.0.0.1", 0, remembered=None, default=0)
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    ids = itertools.count(1)
    rest: RestServer

    async def read_logs(instance_id: str, container: str, tail: int) -> str:
        return "\n".join(rest.logs.get((instance_id, container), "").splitlines()[-tail:])

    async def observe_requests(endpoint: str) -> Mapping[str, Mapping[str, int]] | None:
        if rest.requests is None:
            return None
        return {deployment: counts for (of, deployment), counts in rest.requests.items() if of == endpoint}

    services = Services(
        store=store,
        blobs=blobs,
        token=TOKEN,
        url=url,
        gateway_url="http://127.0.0.1:7080",
        create_workspaces=create_workspaces,
        read_logs=read_logs,
        observe_requests=observe_requests,
        checks=Checks(store, NoInstances(), blobs.object_path, clock=lambda: rest.now),
        sign_token=ensure_token_key(folder / "token.key").sign,
        now=lambda: rest.now,
        new_id=lambda: f"00000000-0000-0000-0000-{next(ids):012x}",
    )
    app = build_app(services)
    server = uvicorn.Server(
        uvicorn.Config(
            app, http="h11", ws="none", lifespan="off", log_config=None,
            ssl_certfile=files.certificate, ssl_keyfile=files.key, timeout_graceful_shutdown=1,
        )
    )  # fmt: skip
    serving = asyncio.create_task(server._serve([listener]))
    trusted = ssl.create_default_context(cafile=files.ca)
    stranger = httpx.AsyncClient(base_url=url, verify=trusted, timeout=30.0)
    client = httpx.AsyncClient(base_url=url, verify=trusted, timeout=30.0, headers={"Authorization": f"Bearer {TOKEN}"})
    rest = RestServer(store=store, client=client, stranger=stranger, app=app, now=1_800_000_000.0)
    try:
        await wait_until(lambda: server.started)
        yield rest
    finally:
        await client.aclose()
        await stranger.aclose()
        server.should_exit = True
        await serving
        listener.close()
        await blobs.close()
        await store.close()


# --- private


def _settle(tx: Transaction, now: float, failure: Failure | None) -> list[Operation]:
    ended = []
    for name in sorted(stored_endpoints.list_endpoint_names(tx)):
        for operation in stored_operations.list_unfinished(tx, name):
            done = replace(
                operation,
                status=OperationStatus.FAILED if failure else OperationStatus.SUCCEEDED,
                failure=failure,
                ended_at=now,
            )
            stored_operations.save_operation(tx, done)
            _take_effect(tx, done)
            ended.append(done)
    return ended


def _take_effect(tx: Transaction, operation: Operation) -> None:
    deployment, outcome = operation.deployment, ProvisioningState.SUCCEEDED
    if operation.failure:
        outcome = ProvisioningState.FAILED
    if operation.kind.startswith("Delete"):
        if deployment:
            stored_deployments.delete_deployment(tx, operation.endpoint, deployment)
        else:
            for each in stored_deployments.list_deployments(tx, operation.endpoint):
                stored_deployments.delete_deployment(tx, operation.endpoint, each.name)
            stored_endpoints.delete_endpoint(tx, operation.endpoint)
    elif deployment:
        found = stored_deployments.load_deployment(tx, operation.endpoint, deployment)
        assert found
        serving = None if operation.failure else found.spec
        status = DeploymentStatus(serving=serving, outcome=outcome, failure=operation.failure, phase="in service")
        stored_deployments.save_deployment_status(tx, operation.endpoint, deployment, status)
    else:
        endpoint = stored_endpoints.load_endpoint(tx, operation.endpoint)
        assert endpoint
        status_of = EndpointStatus(in_force=endpoint.spec, outcome=outcome, failure=operation.failure)
        stored_endpoints.save_endpoint_status(tx, operation.endpoint, status_of)
