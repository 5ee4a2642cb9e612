"""Long-running operations: one for every accepted change, done one after the other for each endpoint (design §6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from teal.domain.deployments import DeploymentSpec
from teal.domain.endpoints import EndpointSpec
from teal.domain.failures import Failure
from teal.domain.resource_ids import WorkspaceId
from teal.domain.states import ProvisioningState


class OperationKind(StrEnum):
    CREATE_ENDPOINT = "CreateEndpoint"
    UPDATE_ENDPOINT = "UpdateEndpoint"
    REGENERATE_KEYS = "RegenerateKeys"
    DELETE_ENDPOINT = "DeleteEndpoint"
    CREATE_DEPLOYMENT = "CreateDeployment"
    UPDATE_DEPLOYMENT = "UpdateDeployment"
    SCALE_DEPLOYMENT = "ScaleDeployment"
    DELETE_DEPLOYMENT = "DeleteDeployment"


class OperationStatus(StrEnum):
    """The words of the wire (`spec/wire.md` §2.1): the last three are final."""

    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"

    @property
    def is_final(self) -> bool:
        return self in (OperationStatus.SUCCEEDED, OperationStatus.FAILED, OperationStatus.CANCELED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One accepted change of an endpoint or (when `deployment` is set) of one of its deployments.

    `seq` orders the operations of a server; `wanted` is the spec as accepted, which the loop converges on while this
    operation is the endpoint's first unfinished one. Times are epoch seconds.
    """

    id: str
    seq: int
    workspace: WorkspaceId
    endpoint: str
    deployment: str | None
    kind: OperationKind
    status: OperationStatus
    wanted: EndpointSpec | DeploymentSpec | None
    failure: Failure | None = None
    started_at: float
    ended_at: float | None = None


def must_wait(operation: Operation, earlier: Operation) -> bool:
    """Whether `operation` may only begin when `earlier`, an unfinished one of the same endpoint, has ended.

    Operations of one endpoint are done in order, except those that do not touch each other: a rollback from a broken
    deployment does not wait for the environment of another one to be built.
    """
    whole_endpoint = (OperationKind.CREATE_ENDPOINT, OperationKind.DELETE_ENDPOINT)
    if operation.kind in whole_endpoint or earlier.kind in whole_endpoint:
        return True
    if operation.deployment == earlier.deployment:
        return True
    if operation.deployment and earlier.deployment:
        return False
    below, above = (operation, earlier) if operation.deployment else (earlier, operation)
    if below.kind is OperationKind.DELETE_DEPLOYMENT:
        return True
    return isinstance(above.wanted, EndpointSpec) and below.deployment in {
        *above.wanted.traffic,
        *above.wanted.mirror_traffic,
    }


def runnable(operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """Those of an endpoint's unfinished operations, given in order, that have nothing before them to wait for."""
    return tuple(
        operation
        for position, operation in enumerate(operations)
        if not any(must_wait(operation, earlier) for earlier in operations[:position])
    )


def state_while(kind: OperationKind) -> ProvisioningState:
    """The provisioning state of the object that an unfinished operation is about."""
    return _STATES[kind]


# --- private

_STATES = {
    OperationKind.CREATE_ENDPOINT: ProvisioningState.CREATING,
    OperationKind.UPDATE_ENDPOINT: ProvisioningState.UPDATING,
    OperationKind.REGENERATE_KEYS: ProvisioningState.UPDATING,
    OperationKind.DELETE_ENDPOINT: ProvisioningState.DELETING,
    OperationKind.CREATE_DEPLOYMENT: ProvisioningState.CREATING,
    OperationKind.UPDATE_DEPLOYMENT: ProvisioningState.UPDATING,
    OperationKind.SCALE_DEPLOYMENT: ProvisioningState.SCALING,
    OperationKind.DELETE_DEPLOYMENT: ProvisioningState.DELETING,
}
