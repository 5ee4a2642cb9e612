"""Operations: how a verb queues one, how a later one supersedes those that wait, and reading one. Called by the
other verbs and by api."""

from dataclasses import replace

from teal.control.requests import Moment
from teal.domain.deployments import DeploymentSpec
from teal.domain.endpoints import EndpointSpec
from teal.domain.errors import NotFound
from teal.domain.failures import Failure
from teal.domain.operations import Operation, OperationKind, OperationStatus
from teal.domain.resource_ids import WorkspaceId
from teal.store import operations as stored
from teal.store.database import Transaction


def get_operation(tx: Transaction, id: str) -> Operation:
    operation = stored.load_operation(tx, id)
    if operation is None:
        raise NotFound(f"There is no operation '{id}'.", target=id)
    return operation


def queue_operation(
    tx: Transaction,
    workspace: WorkspaceId,
    kind: OperationKind,
    moment: Moment,
    *,
    endpoint: str,
    deployment: str | None = None,
    wanted: EndpointSpec | DeploymentSpec | None = None,
) -> Operation:
    """Append an operation to its endpoint's queue; operations of one endpoint are done in this order (design §6)."""
    tx.touch(endpoint)
    return stored.append_operation(
        tx,
        Operation(
            id=moment.new_id(),
            seq=0,
            workspace=workspace,
            endpoint=endpoint,
            deployment=deployment,
            kind=kind,
            status=OperationStatus.IN_PROGRESS,
            wanted=wanted,
            started_at=moment.now,
        ),
    )


def cancel_unfinished(tx: Transaction, moment: Moment, *, endpoint: str, deployment: str | None, reason: str) -> None:
    """Cancel what waits or runs for one deployment, or (`deployment` None) for the endpoint and everything below it."""
    for operation in stored.list_unfinished(tx, endpoint):
        if deployment is None or operation.deployment == deployment:
            stored.save_operation(
                tx,
                replace(
                    operation,
                    status=OperationStatus.CANCELED,
                    failure=Failure(code="OperationCanceled", message=reason),
                    ended_at=moment.now,
                ),
            )
