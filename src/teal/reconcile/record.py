"""Write down what a pass decided, unless people have changed their minds meanwhile. Called by loop.py, in one
transaction."""

from dataclasses import replace

from teal.domain.deployments import DeploymentStatus
from teal.domain.failures import Failure
from teal.domain.operations import OperationStatus, runnable
from teal.reconcile.deployments import give_up
from teal.reconcile.endpoints import EndpointPlan, keep_shares
from teal.reconcile.wanted import Wanted, load_wanted
from teal.store import deployments, endpoints, instances, operations
from teal.store.database import Transaction


def differs(wanted: Wanted, plan: EndpointPlan) -> bool:
    """Whether there is anything to write down."""
    return bool(
        plan.ended
        or plan.removed
        or plan.deleted
        or {r.instance_id: r for r in plan.records} != {r.instance_id: r for r in wanted.instances}
        or plan.status != wanted.status
        or any(wanted.statuses.get(name) != status for name, status in plan.statuses.items())
    )


def record_plan(tx: Transaction, wanted: Wanted, plan: EndpointPlan) -> bool:
    """Store what a pass decided. False: the endpoint has changed since it was loaded, so nothing was written.

    The guard is what makes "load, decide outside of a transaction, write" safe: a request accepted in between wins, and
    the pass is done again with it.
    """
    if load_wanted(tx, wanted.name) != wanted:
        return False
    before = {r.instance_id: r for r in wanted.instances}
    for record in plan.records:
        if before.get(record.instance_id) != record:
            instances.save_instance(tx, record)
    for id in plan.removed:
        instances.delete_instance(tx, id)
    for name, status in plan.statuses.items():
        if name not in plan.deleted and wanted.statuses.get(name) != status:
            deployments.save_deployment_status(tx, wanted.name, name, status)
    for operation in plan.ended:
        operations.save_operation(tx, operation)
    for name in plan.deleted:
        deployments.delete_deployment(tx, wanted.name, name)
    if plan.is_deleted:
        for name in wanted.deployments:
            deployments.delete_deployment(tx, wanted.name, name)
        endpoints.delete_endpoint(tx, wanted.name)
        return True
    if plan.status is not None and plan.status != wanted.status:
        endpoints.save_endpoint_status(tx, wanted.name, plan.status)
    return True


def fail_operations(tx: Transaction, name: str, failure: Failure, now: float) -> None:
    """End the operations of an endpoint that could have been under way; those behind them may follow."""
    wanted = load_wanted(tx, name)
    for operation in runnable(wanted.operations):
        operations.save_operation(tx, replace(operation, status=OperationStatus.FAILED, failure=failure, ended_at=now))
        if (deployment := operation.deployment) and deployment in wanted.deployments:
            status = give_up(wanted.statuses.get(deployment, DeploymentStatus()), failure, now)
            deployments.save_deployment_status(tx, name, deployment, status)
        elif wanted.endpoint and deployment is None:
            endpoints.save_endpoint_status(tx, name, keep_shares(wanted, failure))
