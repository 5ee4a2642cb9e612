"""The life of one instance, one step at a time: a record and what was seen -> the next record. Pure; called by
deployments.py."""

from dataclasses import dataclass, replace

from teal.domain.failures import Failure
from teal.domain.instance_records import InstanceRecord, InstanceState, restart_delay_s
from teal.domain.instances import InstanceObserved, InstancePhase
from teal.reconcile.seen import Health

SETTLED_AFTER_S = 60.0
#: An instance that is over its time says itself where it hangs; only one that cannot is given up from here.
LAST_WORDS_S = 10.0
IDLE_FOR_S = 0.2


@dataclass(frozen=True, slots=True)
class Step:
    """The record after this step, and the reason if the instance cannot become ready (`hopeless`: not even by
    restarting)."""

    record: InstanceRecord
    failure: Failure | None = None
    hopeless: bool = False


def step(
    record: InstanceRecord, seen: InstanceObserved | None, health: Health | None, start_limit_s: float, now: float
) -> Step:
    """One of these things can happen to an instance that is wanted:

    1. its process ended: out of rotation, to be started again after a growing delay (at once when nothing is left of
       it: the server was brought down meanwhile);
    2. its process runs and the readiness probe passes: ready;
    3. it took longer than its probes allow for its first good answer: given up;
    4. it was in service and its readiness probe fails: out of rotation until it passes again;
    5. it was in service and its liveness probe fails, at once or after it was taken out of rotation: replaced;
    6. nothing.
    """
    if seen and seen.attempt == record.attempt and seen.phase is InstancePhase.EXITED:
        return _ended(record, seen, now)
    if seen is None and record.state.is_serving:
        return Step(_start_over(record, now))
    if seen is None or seen.attempt != record.attempt:
        return Step(record)
    if record.running_since is None and seen.phase in (InstancePhase.STARTING, InstancePhase.RUNNING):
        record = replace(record, running_since=now)
    record = replace(record, address=seen.address, port=seen.port)
    if health is None:
        return Step(record)
    if record.state is InstanceState.STARTED and record.has_answered and health.liveness.passing is False:
        # One that hangs fails both probes, and whichever is noticed first must not hide the other.
        return Step(replace(record, state=InstanceState.DRAINING, since=now))
    if record.state is InstanceState.STARTED:
        return _starting(record, seen, health, start_limit_s, now)
    if health.liveness.passing is False:
        return Step(leave(record, now, reachable=True))
    if health.readiness.passing is False:
        return Step(replace(record, state=InstanceState.STARTED, since=now))
    if record.crashes and now - record.since > SETTLED_AFTER_S:
        return Step(replace(record, crashes=0))
    return Step(record)


def leave(record: InstanceRecord, now: float, *, reachable: bool) -> InstanceRecord:
    """Take an instance out: through draining when requests may be in its hands, else at once."""
    if record.state.is_leaving:
        return record
    state = InstanceState.DRAINING if reachable and record.state.is_serving else InstanceState.STOPPED
    return replace(record, state=state, since=now)


def drain(
    record: InstanceRecord, seen: InstanceObserved | None, in_flight: int | None, *, acknowledged: bool, now: float
) -> InstanceRecord:
    """One step of a draining instance: stopped once it is idle, dead, or past its limit.

    Idle counts from the gateway's acknowledgement that it sends nothing new, and must hold for IDLE_FOR_S: a request
    that was on its way at that moment shows up within it.
    """
    record = replace(record, in_flight=in_flight)
    gone = seen is None or seen.phase is InstancePhase.EXITED
    if gone or now - record.since > record.drain_limit_s:
        return replace(record, state=InstanceState.STOPPED, since=now)
    if not acknowledged or in_flight != 0:
        return replace(record, idle_since=None)
    if record.idle_since is None:
        return replace(record, idle_since=now)
    if now - record.idle_since >= IDLE_FOR_S:
        return replace(record, state=InstanceState.STOPPED, since=now)
    return record


def build_late_failure(start_limit_s: float, seen: InstanceObserved, last_probe: str | None) -> Failure:
    """It has neither answered nor said why."""
    return Failure(
        code="ResourceNotReady",
        message=f"The instance did not answer its readiness probe within {start_limit_s:g} s. "
        f"It was {seen.detail or seen.phase}; last probe: {last_probe or 'no answer'}.",
        hint="If init() needs longer, raise initial_delay or failure_threshold of the liveness_probe.",
    )


# --- private


def _ended(record: InstanceRecord, seen: InstanceObserved, now: float) -> Step:
    return Step(_crashed(record, now), failure=seen.failure or _unknown_end(), hopeless=seen.permanent)


def _crashed(record: InstanceRecord, now: float) -> InstanceRecord:
    crashes = record.crashes + 1
    return replace(_start_over(record, now), crashes=crashes, retry_at=now + restart_delay_s(crashes))


def _start_over(record: InstanceRecord, now: float) -> InstanceRecord:
    return replace(
        record,
        state=InstanceState.STARTED,
        since=now,
        attempt=record.attempt + 1,
        running_since=None,
        has_answered=False,
        retry_at=None,
        address=None,
        port=None,
    )


def _starting(record: InstanceRecord, seen: InstanceObserved, health: Health, start_limit_s: float, now: float) -> Step:
    if health.readiness.passing:
        return Step(replace(record, state=InstanceState.READY, since=now, ever_ready=True, has_answered=True))
    is_late = record.running_since is not None and now - record.running_since > start_limit_s + LAST_WORDS_S
    if is_late and not record.has_answered:
        failure = build_late_failure(start_limit_s, seen, health.readiness.last_failure)
        return Step(leave(record, now, reachable=False), failure=failure, hopeless=True)
    return Step(record)


def _unknown_end() -> Failure:
    return Failure(code="InstanceExited", message="The instance ended, and nothing was left that says why.")
