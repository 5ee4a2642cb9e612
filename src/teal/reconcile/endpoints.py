"""What one pass of the loop decides for one endpoint: stored and seen -> plan. Pure; called by loop.py.

Data flows one way: operations that may run -> what each deployment converges on -> instance records -> gateway model ->
which operations have ended.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from teal.domain.conditions import Condition, ConditionType, set_condition
from teal.domain.deployments import DeploymentSpec, DeploymentStatus, revision_of
from teal.domain.endpoints import EndpointSpec, EndpointStatus
from teal.domain.failures import Failure
from teal.domain.instance_records import InstanceRecord, InstanceState
from teal.domain.operations import Operation, OperationKind, OperationStatus, runnable
from teal.domain.quotas import NO_QUOTA, Quota, parse_workspace_quota
from teal.domain.states import ProvisioningState
from teal.gateway.model import EndpointModel
from teal.reconcile.deployments import DeploymentPlan, Verdict, give_up, plan_deployment, settle
from teal.reconcile.lifecycle import drain, leave
from teal.reconcile.phases import with_phases
from teal.reconcile.routes import build_access, build_model
from teal.reconcile.seen import Seen
from teal.reconcile.wanted import Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPlan:
    """Everything one pass wants remembered and done. Applying it twice does no harm.

    `records`, `statuses` and `status` replace what is stored; `ended` are operations with their outcome; `removed` the
    instances that no gateway knows any more; `deleted` the deployments to forget, `is_deleted` the endpoint itself.
    `model` None: nothing of the endpoint stays in the gateway. `specs`: what an instance of a revision is started from.
    """

    records: tuple[InstanceRecord, ...]
    statuses: dict[str, DeploymentStatus]
    status: EndpointStatus | None
    model: EndpointModel | None
    ended: tuple[Operation, ...] = ()
    deleted: tuple[str, ...] = ()
    is_deleted: bool = False
    removed: tuple[str, ...] = ()
    specs: dict[str, DeploymentSpec] = field(default_factory=dict)


def plan_endpoint(
    wanted: Wanted,
    seen: Seen,
    now: float,
    new_id: Callable[[], str],
    quota: Quota = NO_QUOTA,
    control_token: str = "",
) -> EndpointPlan:
    """Decide what one endpoint needs next; the same stored and seen facts always give the same plan (but for new
    ids). `quota`: what the server says of endpoints; `control_token`: what callers of `aad_token`
    endpoints show."""
    active = runnable(wanted.operations)
    of_endpoint = next((o for o in active if o.deployment is None), None)
    of_deployment = {o.deployment: o for o in active if o.deployment}
    is_leaving = wanted.endpoint is None or _is(of_endpoint, OperationKind.DELETE_ENDPOINT)
    records, plans, statuses = _plan_deployments(wanted, of_deployment, is_leaving, seen, now, new_id)

    shares = _shares(wanted, of_endpoint)
    keys = None if is_leaving else wanted.keys
    access = build_access(wanted.endpoint, keys, control_token)
    limits = parse_workspace_quota(wanted.workspace_tags, quota).limits
    model = build_model(wanted.name, keys, shares, statuses, records, limits, access)
    in_force = seen.settled and seen.version_in_force == (model.version if model else None)
    removed = tuple(r.instance_id for r in records if in_force and r.state is InstanceState.STOPPED)
    records = tuple(_acknowledge(r, seen, now) if in_force else r for r in records if r.instance_id not in removed)
    records = tuple(
        drain(r, seen.instances.get(r.instance_id), seen.in_flight.get(r.instance_id), acknowledged=in_force, now=now)
        if r.state is InstanceState.DRAINING
        else r
        for r in records
    )
    rejected = seen.rejected if model and seen.published == model.version else None
    ended: list[Operation] = []
    deleted: list[str] = []
    for name, operation in of_deployment.items():
        outcome = _deployment_outcome(operation, plans.get(name), rejected, in_force, now)
        if outcome is None:
            continue
        ended.append(outcome)
        if outcome.failure:
            statuses[name] = give_up(statuses.get(name, DeploymentStatus()), outcome.failure, now)
        elif operation.kind is OperationKind.DELETE_DEPLOYMENT:
            deleted.append(name)
        else:
            statuses[name] = settle(statuses[name], now)
    status = wanted.status
    if of_endpoint and (outcome := _endpoint_outcome(of_endpoint, statuses, rejected, in_force, now)):
        ended.append(outcome)
        status = _endpoint_status(wanted, outcome)
    status = _route_condition(status, rejected, now)
    return EndpointPlan(
        records=records,
        statuses=statuses,
        status=status,
        model=model,
        ended=tuple(ended),
        deleted=tuple(deleted),
        removed=removed,
        is_deleted=any(o.kind is OperationKind.DELETE_ENDPOINT for o in ended),
        specs=_specs_by_revision(wanted, of_deployment),
    )


def keep_shares(wanted: Wanted, failure: Failure | None) -> EndpointStatus:
    """The endpoint's status once a change of it has failed: the traffic is what it was before, or none at all."""
    before = wanted.status
    if before is None:
        spec = wanted.endpoint.spec if wanted.endpoint else EndpointSpec()
        before = EndpointStatus(in_force=replace(spec, traffic={}, mirror_traffic={}))
    return replace(before, outcome=ProvisioningState.FAILED, failure=failure)


# --- private


def _is(operation: Operation | None, kind: OperationKind) -> bool:
    return operation is not None and operation.kind is kind


def _plan_deployments(
    wanted: Wanted,
    of_deployment: dict[str, Operation],
    is_leaving: bool,
    seen: Seen,
    now: float,
    new_id: Callable[[], str],
) -> tuple[tuple[InstanceRecord, ...], dict[str, DeploymentPlan], dict[str, DeploymentStatus]]:
    records: list[InstanceRecord] = []
    plans: dict[str, DeploymentPlan] = {}
    statuses: dict[str, DeploymentStatus] = {}
    for name in sorted({*wanted.deployments, *(r.deployment for r in wanted.instances)}):
        own = tuple(r for r in wanted.instances if r.deployment == name)
        status = wanted.statuses.get(name, DeploymentStatus())
        operation = of_deployment.get(name)
        target = _target(operation, status)
        if is_leaving or name not in wanted.deployments or _is(operation, OperationKind.DELETE_DEPLOYMENT):
            records += [leave(r, now, reachable=True) for r in own]
            continue
        if target is None:
            records += [leave(r, now, reachable=False) for r in own]
            statuses[name] = status
            continue
        plan = plan_deployment(wanted.name, name, target, status, own, seen, now, new_id)
        records += plan.records
        if operation:
            plan = replace(plan, status=with_phases(plan.status, operation, plan.records, seen))
        plans[name] = plan
        statuses[name] = plan.status
    return tuple(records), plans, statuses


def _target(operation: Operation | None, status: DeploymentStatus) -> DeploymentSpec | None:
    """What a deployment converges on: the change that is under way, else what was last in service."""
    if operation and isinstance(operation.wanted, DeploymentSpec):
        return operation.wanted
    return status.serving


def _shares(wanted: Wanted, operation: Operation | None) -> EndpointSpec:
    if operation and isinstance(operation.wanted, EndpointSpec):
        return operation.wanted
    return wanted.status.in_force if wanted.status else EndpointSpec()


def _acknowledge(record: InstanceRecord, seen: Seen, now: float) -> InstanceRecord:
    if record.state is InstanceState.READY:
        return replace(
            record, state=InstanceState.ROUTABLE, since=now, in_flight=seen.in_flight.get(record.instance_id)
        )
    return record


def _deployment_outcome(
    operation: Operation, plan: DeploymentPlan | None, rejected: str | None, in_force: bool, now: float
) -> Operation | None:
    if plan and plan.verdict is Verdict.FAILED:
        return replace(operation, status=OperationStatus.FAILED, failure=plan.failure, ended_at=now)
    if in_force and (plan is None or plan.verdict is Verdict.READY):
        return replace(operation, status=OperationStatus.SUCCEEDED, ended_at=now)
    return _refused(operation, rejected, now)


def _refused(operation: Operation, rejected: str | None, now: float) -> Operation | None:
    """A change that the gateway will not have ends; what it has acknowledged before stays in force."""
    if rejected is None:
        return None
    failure = Failure(code="GatewayRejected", message=f"The gateway refused the change: {rejected}")
    return replace(operation, status=OperationStatus.FAILED, failure=failure, ended_at=now)


def _endpoint_outcome(
    operation: Operation,
    statuses: dict[str, DeploymentStatus],
    rejected: str | None,
    in_force: bool,
    now: float,
) -> Operation | None:
    if isinstance(operation.wanted, EndpointSpec):
        for name in (*operation.wanted.traffic, *operation.wanted.mirror_traffic):
            if name not in statuses or statuses[name].serving is None:
                failure = Failure(
                    code="BadArgument",
                    message=f"The deployment '{name}' has nothing in service, so it was not given traffic.",
                    hint="The traffic is as it was before.",
                )
                return replace(operation, status=OperationStatus.FAILED, failure=failure, ended_at=now)
    if in_force:
        return replace(operation, status=OperationStatus.SUCCEEDED, ended_at=now)
    return _refused(operation, rejected, now)


def _endpoint_status(wanted: Wanted, outcome: Operation) -> EndpointStatus | None:
    before = wanted.status
    if outcome.kind is OperationKind.REGENERATE_KEYS or not isinstance(outcome.wanted, EndpointSpec):
        return before
    if outcome.status is OperationStatus.SUCCEEDED:
        return replace(
            before or EndpointStatus(in_force=outcome.wanted),
            in_force=outcome.wanted,
            outcome=ProvisioningState.SUCCEEDED,
            failure=None,
        )
    return keep_shares(wanted, outcome.failure)


def _route_condition(status: EndpointStatus | None, rejected: str | None, now: float) -> EndpointStatus | None:
    if status is None:
        return None
    condition = Condition(
        type=ConditionType.ROUTED,
        status=rejected is None,
        reason="Rejected" if rejected else "Acknowledged",
        message=f"The gateway keeps its last good state: {rejected}" if rejected else "The gateway accepts its routes.",
        since=now,
    )
    return replace(status, conditions=set_condition(status.conditions, condition))


def _specs_by_revision(wanted: Wanted, of_deployment: dict[str, Operation]) -> dict[str, DeploymentSpec]:
    specs = [status.serving for status in wanted.statuses.values() if status.serving]
    specs += [o.wanted for o in of_deployment.values() if isinstance(o.wanted, DeploymentSpec)]
    return {revision_of(spec): spec for spec in specs}
