"""Everything the store knows of one endpoint name, loaded at once for one pass of the loop."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from teal.domain.deployments import DeploymentStatus, OnlineDeployment
from teal.domain.endpoints import EndpointKeys, EndpointStatus, OnlineEndpoint
from teal.domain.instance_records import InstanceRecord
from teal.domain.operations import Operation
from teal.store import deployments, endpoints, instances, operations, workspaces
from teal.store.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One endpoint as stored. `endpoint` is None when only instances that still drain remember the name."""

    name: str
    endpoint: OnlineEndpoint | None = None
    workspace_tags: Mapping[str, str] = field(default_factory=dict)
    keys: EndpointKeys | None = None
    status: EndpointStatus | None = None
    deployments: Mapping[str, OnlineDeployment] = field(default_factory=dict)
    statuses: Mapping[str, DeploymentStatus] = field(default_factory=dict)
    operations: tuple[Operation, ...] = ()
    instances: tuple[InstanceRecord, ...] = ()


def load_wanted(tx: Transaction, name: str) -> Wanted:
    endpoint = endpoints.load_endpoint(tx, name)
    workspace = workspaces.load_workspace(tx, endpoint.workspace) if endpoint else None
    return Wanted(
        name=name,
        endpoint=endpoint,
        workspace_tags=workspace.tags if workspace else {},
        keys=endpoints.load_keys(tx, name),
        status=endpoints.load_endpoint_status(tx, name),
        deployments={d.name: d for d in deployments.list_deployments(tx, name)},
        statuses=dict(deployments.list_deployment_statuses(tx, name)),
        operations=tuple(operations.list_unfinished(tx, name)),
        instances=tuple(instances.list_instances(tx, name)),
    )
