"""What the store of a big installation holds: endpoints with two deployments each, in service for long. Written by
control_plane.py before anything is measured."""

from collections.abc import Iterator
from functools import partial
from uuid import UUID

from benchmarks.scale.instances import ADDRESS
from teal.domain.deployments import DeploymentSpec, DeploymentStatus, OnlineDeployment, RequestSettings, revision_of
from teal.domain.endpoints import EndpointKeys, EndpointSpec, EndpointStatus, OnlineEndpoint
from teal.domain.instance_records import InstanceRecord, InstanceState
from teal.domain.probes import ProbeSettings
from teal.domain.resource_ids import WorkspaceId
from teal.domain.states import ProvisioningState
from teal.domain.workspaces import Workspace
from teal.store import deployments, endpoints, instances, workspaces
from teal.store.database import Store, Transaction

WORKSPACE = WorkspaceId("00000000-0000-0000-0000-000000000000", "bench", "scale")
DEPLOYMENTS = ("blue", "green")
PER_TRANSACTION = 200
# One process answers the probes of all instances: asked as often as by default, it would have time for nothing else.
PROBE = ProbeSettings(period_s=120)


def name_of(number: int) -> str:
    return f"endpoint-{number:05d}"


def keys_of(number: int) -> EndpointKeys:
    return EndpointKeys(f"primary-key-of-{number:08d}", f"secondary-key-of-{number:08d}")


def build_records(count: int, port: int) -> Iterator[InstanceRecord]:
    for number in range(count):
        for deployment in DEPLOYMENTS:
            yield _build_record(name_of(number), deployment, port)


async def fill_store(store: Store, count: int, port: int) -> None:
    """Everything as a server leaves it that has nothing more to do."""
    for start in range(0, count, PER_TRANSACTION):
        numbers = range(start, min(count, start + PER_TRANSACTION))
        await store.write(partial(_save_all, numbers=numbers, port=port))


# --- private

_SPEC = DeploymentSpec(
    model="azureml:m:1",
    code_id="azureml:c:1",
    scoring_script="score.py",
    environment="azureml:e:1",
    request_settings=RequestSettings(max_concurrent_requests_per_instance=64),
    liveness_probe=PROBE,
    readiness_probe=PROBE,
)


def _save_all(tx: Transaction, numbers: range, port: int) -> None:
    for number in numbers:
        _save(tx, number, port)


def _save(tx: Transaction, number: int, port: int) -> None:
    if number == 0:
        workspaces.save_workspace(tx, Workspace(id=WORKSPACE, uuid=str(UUID(int=1)), created_at=0.0))
    name = name_of(number)
    spec = EndpointSpec(traffic={"blue": 100})
    endpoints.save_endpoint(
        tx, OnlineEndpoint(workspace=WORKSPACE, name=name, spec=spec, generation=1, created_at=0.0, modified_at=0.0)
    )
    endpoints.save_keys(tx, name, keys_of(number))
    endpoints.save_endpoint_status(tx, name, EndpointStatus(in_force=spec))
    for deployment in DEPLOYMENTS:
        deployments.save_deployment(
            tx,
            OnlineDeployment(endpoint=name, name=deployment, spec=_SPEC, generation=1, created_at=0.0, modified_at=0.0),
        )
        status = DeploymentStatus(serving=_SPEC, outcome=ProvisioningState.SUCCEEDED, phase="in service")
        deployments.save_deployment_status(tx, name, deployment, status)
        instances.save_instance(tx, _build_record(name, deployment, port))


def _build_record(endpoint: str, deployment: str, port: int) -> InstanceRecord:
    return InstanceRecord(
        instance_id=f"{endpoint}-{deployment}-00000000",
        endpoint=endpoint,
        deployment=deployment,
        revision=revision_of(_SPEC),
        state=InstanceState.ROUTABLE,
        since=0.0,
        ever_ready=True,
        running_since=0.0,
        address=ADDRESS,
        port=port,
    )
