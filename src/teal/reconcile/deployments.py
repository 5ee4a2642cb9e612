"""What should happen to the instances of one deployment: start, switch, drain, stop. Pure; called by endpoints.py.

The order of every change (design D3): start -> ready -> switch -> drain the old -> stop. The old revision serves until
as many instances of the new one are ready as are wanted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from teal.domain.conditions import Condition, ConditionType, drop_condition, set_condition
from teal.domain.deployments import DeploymentSpec, DeploymentStatus, revision_of
from teal.domain.failures import Failure
from teal.domain.instance_records import InstanceRecord, InstanceState
from teal.domain.instances import InstancePhase
from teal.domain.phases import close_phases
from teal.domain.states import ProvisioningState
from teal.reconcile.lifecycle import Step, leave, step
from teal.reconcile.seen import Seen

MAX_STARTS_BEFORE_SERVICE = 3

#: By the code of the failure, where a start is dear: uv has asked the index several times within each build.
FEWER_STARTS: Mapping[str, int] = {"EnvironmentIndexUnreachable": 1}


class Verdict(StrEnum):
    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """The records and status as they should be remembered now, and how far the change has come.

    READY: as many instances as wanted are ready; whether the gateway knows them is for the endpoint's plan to see.
    """

    records: tuple[InstanceRecord, ...]
    status: DeploymentStatus
    verdict: Verdict
    failure: Failure | None = None


def plan_deployment(
    endpoint: str,
    name: str,
    target: DeploymentSpec,
    status: DeploymentStatus,
    records: tuple[InstanceRecord, ...],
    seen: Seen,
    now: float,
    new_id: Callable[[], str],
) -> DeploymentPlan:
    """Converge the instances of a deployment on `target`. `records` are those of this deployment, leaving ones
    included."""
    revision = revision_of(target)
    serving = revision_of(status.serving) if status.serving else None
    changing = status.serving != target
    steps = {
        r.instance_id: _step(r, target if r.revision == revision else status.serving, seen, now)
        for r in records
        if not r.state.is_leaving and r.revision in (revision, serving)
    }
    failure = _reason_to_give_up(steps, revision) if changing else None
    if failure:
        kept = tuple(_let_go(r, steps, revision, now) for r in records)
        return DeploymentPlan(kept, give_up(status, failure, now), Verdict.FAILED, failure)
    after = [steps[r.instance_id].record if r.instance_id in steps else leave(r, now, reachable=True) for r in records]
    surplus = _surplus(after, revision, target.instance_count)
    after = [leave(r, now, reachable=True) if r.instance_id in surplus else r for r in after]
    missing = target.instance_count - sum(_is_current(r, revision) for r in after)
    after += [_new_record(endpoint, name, revision, target, now, new_id()) for _ in range(missing)]
    ready = sum(r.state.is_serving for r in after if r.revision == revision) >= target.instance_count
    if ready and changing:
        status = replace(status, serving=target)
        after = [r if r.revision == revision else leave(r, now, reachable=True) for r in after]
    status = replace(
        status, phase=_phase(after, revision, seen), conditions=_conditions(status, target, after, seen, now)
    )
    return DeploymentPlan(tuple(after), status, Verdict.READY if ready else Verdict.PENDING)


def settle(status: DeploymentStatus, now: float) -> DeploymentStatus:
    """The status once a change has succeeded and is in force."""
    conditions = set_condition(
        status.conditions,
        Condition(
            type=ConditionType.UPDATED,
            status=True,
            reason="InForce",
            message="What is wanted is in service.",
            since=now,
        ),
    )
    return replace(
        status,
        outcome=ProvisioningState.SUCCEEDED,
        failure=None,
        failed_logs={},
        phase="in service",
        phases=close_phases(status.phases, now),
        conditions=conditions,
    )


def give_up(status: DeploymentStatus, failure: Failure, now: float) -> DeploymentStatus:
    """The status once a change has failed; what was in service before still is."""
    kept = " The revision before it is still in service." if status.serving else ""
    condition = Condition(
        type=ConditionType.UPDATED, status=False, reason=failure.code, message=failure.message + kept, since=now
    )
    return replace(
        status,
        outcome=ProvisioningState.FAILED,
        failure=failure,
        phase="failed",
        phases=close_phases(status.phases, now),
        conditions=set_condition(status.conditions, condition),
    )


# --- private


def _step(record: InstanceRecord, spec: DeploymentSpec | None, seen: Seen, now: float) -> Step:
    limit_s = (spec or DeploymentSpec()).start_limit_s
    id = record.instance_id
    return step(record, seen.instances.get(id), seen.health.get(id), limit_s, now)


def _reason_to_give_up(steps: Mapping[str, Step], revision: str) -> Failure | None:
    """Why the change cannot work; None while it still may. What was in service once is restarted, never given up."""
    for s in steps.values():
        is_new = s.record.revision == revision and not s.record.ever_ready
        if not s.failure or not is_new:
            continue
        if s.hopeless or s.record.crashes >= FEWER_STARTS.get(s.failure.code, MAX_STARTS_BEFORE_SERVICE):
            return s.failure
    return None


def _let_go(record: InstanceRecord, steps: Mapping[str, Step], revision: str, now: float) -> InstanceRecord:
    if record.revision == revision and not record.ever_ready:
        return leave(record, now, reachable=False)
    return steps[record.instance_id].record if record.instance_id in steps else record


def _is_current(record: InstanceRecord, revision: str) -> bool:
    return record.revision == revision and not record.state.is_leaving


def _surplus(records: list[InstanceRecord], revision: str, wanted: int) -> set[str]:
    """Which instances are too many: those that are not ready go first, then the youngest."""
    current = [r for r in records if _is_current(r, revision)]
    keep_first = sorted(range(len(current)), key=lambda i: (not current[i].state.is_serving, i))
    return {current[i].instance_id for i in keep_first[wanted:]}


def _new_record(endpoint: str, name: str, revision: str, target: DeploymentSpec, now: float, id: str) -> InstanceRecord:
    return InstanceRecord(
        instance_id=f"{endpoint}-{name}-{id[:8]}",
        endpoint=endpoint,
        deployment=name,
        revision=revision,
        state=InstanceState.STARTED,
        since=now,
        drain_limit_s=target.request_settings.drain_limit_s,
    )


def _phase(records: list[InstanceRecord], revision: str, seen: Seen) -> str:
    """What the instance that is furthest behind is doing."""
    current = [r for r in records if _is_current(r, revision)]
    waiting = [r for r in current if not r.state.is_serving]
    if not waiting:
        return "in service"
    observed = seen.instances.get(waiting[0].instance_id)
    if observed is None or observed.attempt != waiting[0].attempt:
        return "waiting to be started again" if waiting[0].retry_at else "starting"
    if observed.phase is InstancePhase.RUNNING:
        return "probing"
    return observed.detail or str(observed.phase)


def _conditions(
    status: DeploymentStatus, target: DeploymentSpec, records: list[InstanceRecord], seen: Seen, now: float
) -> tuple[Condition, ...]:
    conditions = status.conditions
    if status.serving:
        revision = revision_of(status.serving)
        ready = sum(r.state.is_serving for r in records if r.revision == revision)
        wanted = status.serving.instance_count
        whole = ready >= wanted
        conditions = set_condition(
            conditions,
            Condition(
                type=ConditionType.READY,
                status=whole,
                reason="InstancesReady" if whole else "InstancesNotReady",
                message=f"{ready} of {wanted} instances are ready." + ("" if whole else _why_not(records, seen)),
                since=now,
            ),
        )
    return _environment_condition(conditions, revision_of(target), records, seen, now)


def _environment_condition(
    conditions: tuple[Condition, ...], revision: str, records: list[InstanceRecord], seen: Seen, now: float
) -> tuple[Condition, ...]:
    """What the wanted revision's environment has otherwise than asked. While none of its instances is seen (right
    after a restart of the server), what was known stands."""
    ids = [r.instance_id for r in records if _is_current(r, revision)]
    current = [seen.instances[id] for id in ids if id in seen.instances]
    if notes := tuple(dict.fromkeys(note for o in current for note in o.notes)):
        message = "; ".join(notes)
        condition = Condition(
            type=ConditionType.ENVIRONMENT, status=False, reason="Adjusted", message=message, since=now
        )
        return set_condition(conditions, condition)
    if any(o.phase is InstancePhase.RUNNING for o in current):
        return drop_condition(conditions, ConditionType.ENVIRONMENT)
    return conditions


def _why_not(records: list[InstanceRecord], seen: Seen) -> str:
    for r in records:
        observed = seen.instances.get(r.instance_id)
        if not r.state.is_serving and observed and observed.failure:
            return f" {r.instance_id}: {observed.failure.message}"
    return ""
