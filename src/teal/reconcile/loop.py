"""The one loop that makes what is wanted so: load, observe, plan, write down, act. Built by server, woken by
everything.

It is level-triggered: a pass looks at how things are, not at what happened, so it is safe to repeat, to skip and to be
killed. Only this module calls `apply` and `remove` of a compute backend and `publish` of the gateway.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from zlib import crc32

import httpx

from teal.compute.backend import Backend
from teal.domain.curated import BUILT_IN, Catalogue
from teal.domain.deployments import DeploymentStatus
from teal.domain.errors import TealError
from teal.domain.failures import Failure
from teal.domain.instance_records import InstanceRecord, InstanceState
from teal.domain.instances import InstanceObserved, InstancePhase
from teal.domain.operations import OperationStatus
from teal.domain.quotas import NO_QUOTA, Quota
from teal.gateway.errors import GatewayRefused
from teal.gateway.gateway import Gateway
from teal.reconcile.agenda import Agenda
from teal.reconcile.endpoints import EndpointPlan, plan_endpoint
from teal.reconcile.mounts import build_instance_spec
from teal.reconcile.probes import Prober, ProbeTarget
from teal.reconcile.record import differs, fail_operations, record_plan
from teal.reconcile.seen import Seen
from teal.reconcile.steady_clock import build_steady_clock
from teal.reconcile.wanted import Wanted, load_wanted
from teal.store import endpoints as stored_endpoints
from teal.store import instances as stored_instances
from teal.store.database import Store, Transaction

RESYNC_S = 15.0
RESYNCS_PER_S = 5.0
DRAIN_LOOK_S = 0.1
AFTER_ERROR_S = 1.0
ERRORS_BEFORE_GIVING_UP = 5
ADMIN_PATIENCE_S = 0.5
READ_AT_ONCE = 50
STOP_GRACE_S = 30.0
FAILED_LOG_LINES = 1000

log = logging.getLogger(__name__)


class Loop:
    """Converges every endpoint of the store. `coalesce_s`: how long to wait for more news before a round begins;
    `quota`: what endpoints may use that do not say so themselves; `control_token`: the server's own, which opens
    `aad_token` endpoints; `curated`: the environments that need not be registered."""

    def __init__(
        self,
        store: Store,
        backend: Backend,
        gateway: Gateway,
        object_path: Callable[[str], Path],
        *,
        clock: Callable[[], float] | None = None,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
        coalesce_s: float = 0.0,
        quota: Quota = NO_QUOTA,
        control_token: str = "",
        curated: Catalogue = BUILT_IN,
    ) -> None:
        self._store = store
        self._backend = backend
        self._gateway = gateway
        self._object_path = object_path
        self._clock = clock or build_steady_clock()
        self._new_id = new_id
        self._coalesce_s = coalesce_s
        self._quota = quota
        self._control_token = control_token
        self._curated = curated
        self._prober = Prober()
        self._woken = asyncio.Event()
        self._agenda = Agenda()
        self._awaiting: set[str] = set()
        self._endpoint_of: dict[str, str] = {}
        self._unresolvable: dict[str, InstanceObserved] = {}
        self._published: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._errors: dict[str, int] = {}

    async def open(self) -> None:
        """Adopt what is still running and tell the gateway all it has to know; then it may forget everything else."""
        self._store.changed = self.wake
        self._backend.changed = self._wake_instance
        self._prober.changed = self._wake_instance
        self._gateway.changed = self._hear_gateway
        await self._backend.open()
        names = await self._store.read(stored_endpoints.list_endpoint_names)
        known = await self._store.read(stored_instances.list_instance_ids)
        for id in self._backend.observe().keys() - known:
            log.warning("removing instance %s: nothing in the store remembers it", id)
            await self._backend.remove(id, grace_s=STOP_GRACE_S)
        self._gateway.hold(names)
        for start in range(0, len(names), READ_AT_ONCE):
            some = names[start : start + READ_AT_ONCE]
            for wanted in await self._store.read(partial(_load_all_wanted, names=some)):
                await self.pass_over(wanted.name, wanted)
        self._gateway.set_complete()

    async def run(self) -> None:
        """Pass over every endpoint that is due, until cancelled. An endpoint is due when

        1. a request has changed what is wanted of it;
        2. one of its instances has started, ended or changed its probe verdict;
        3. a gateway has acknowledged or refused what this endpoint waits for;
        4. a time has come: a restart, a look at draining instances, the regular resync (less often where there are
           many endpoints, so that it costs the same).
        """
        try:
            while True:
                await self._wait_until_due()
                await self.pass_over_due()
        finally:
            await self._prober.close()

    async def pass_over_due(self) -> None:
        """One pass over every endpoint whose time has come."""
        for name in self._agenda.take_due(self._clock()):
            await self.pass_over(name)

    async def pass_over(self, name: str, wanted: Wanted | None = None) -> None:
        """An unexpected failure concerns one endpoint: it is logged once, here, and the others go on."""
        self._agenda.set(name, self._clock() + AFTER_ERROR_S)
        self._awaiting.add(name)
        try:
            await self.reconcile_once(name, wanted)
            self._errors.pop(name, None)
        except TealError as error:
            log.error("the pass over endpoint %s is tried again in %g s: %s", name, AFTER_ERROR_S, error)
        except Exception as error:
            log.exception("the pass over endpoint %s failed; it is tried again in %g s", name, AFTER_ERROR_S)
            self._errors[name] = self._errors.get(name, 0) + 1
            if self._errors[name] == ERRORS_BEFORE_GIVING_UP:
                await self._give_up_operations(name, error)

    async def reconcile_once(self, name: str, wanted: Wanted | None = None) -> None:
        """One pass over one endpoint, which was loaded before or is loaded now."""
        if wanted is None:
            wanted = await self._store.read(partial(load_wanted, name=name))
        now = self._clock()
        seen = await self._observe(wanted)
        plan = plan_endpoint(wanted, seen, now, self._new_id, self._quota, self._control_token)
        plan = await self._keep_logs_of_failed(wanted, plan)
        changed = differs(wanted, plan)
        if changed and not await self._store.write(partial(record_plan, wanted=wanted, plan=plan)):
            self.wake([name])
            return
        self._publish(name, plan)
        await self._act_on_instances(wanted, plan, seen, now)
        self._schedule(name, wanted, plan, now)

    def wake(self, names: Iterable[str]) -> None:
        for name in names:
            self._agenda.set(name, 0.0)
        self._woken.set()

    # --- private

    def _wake_instance(self, instance_id: str) -> None:
        if endpoint := self._endpoint_of.get(instance_id):
            self.wake([endpoint])

    def _hear_gateway(self, name: str | None) -> None:
        """An acknowledgement concerns who waits for it. Thousands come when a gateway connects."""
        if name is None:
            self.wake(tuple(self._awaiting))
        elif name in self._awaiting or self._gateway.in_force(name).rejected:
            self.wake([name])

    async def _wait_until_due(self) -> None:
        now = self._clock()
        first = self._agenda.find_first()
        try:
            async with asyncio.timeout(RESYNC_S if first is None else max(0.0, first - now)):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()
        await asyncio.sleep(self._coalesce_s)

    async def _give_up_operations(self, name: str, error: Exception) -> None:
        """A change that makes every pass fail would keep all changes after it waiting: it ends as failed."""
        failure = Failure(
            code="InternalServerError",
            message=f"The change could not be carried out: {type(error).__name__}: {error}",
            hint="The server's log has the traceback. What was in service before still is.",
        )
        try:
            await self._store.write(partial(fail_operations, name=name, failure=failure, now=self._clock()))
        except TealError as refusal:
            log.error("giving up the operations of endpoint %s failed too: %s", name, refusal)
        self._errors.pop(name, None)

    async def _observe(self, wanted: Wanted) -> Seen:
        in_force = self._gateway.in_force(wanted.name)
        running = self._backend.observe()
        ids = [record.instance_id for record in wanted.instances]
        return Seen(
            instances={id: seen for id in ids if (seen := self._unresolvable.get(id) or running.get(id))},
            health=self._prober.health,
            published=self._published.get(wanted.name),
            version_in_force=in_force.version,
            settled=not in_force.pending,
            rejected=self._refused.get(wanted.name) or in_force.rejected,
            in_flight=await self._count_in_flight(wanted),
        )

    async def _count_in_flight(self, wanted: Wanted) -> dict[str, int]:
        """Requests in the hands of each instance, asked for only while one drains; unknown without an Envoy to ask."""
        if not any(r.state is InstanceState.DRAINING for r in wanted.instances):
            return {}
        try:
            async with asyncio.timeout(ADMIN_PATIENCE_S):
                return await self._gateway.observe_in_flight(wanted.name)
        except (httpx.HTTPError, TimeoutError):
            return {}

    async def _keep_logs_of_failed(self, wanted: Wanted, plan: EndpointPlan) -> EndpointPlan:
        """The instances of a failed change are removed; what they have logged is what people will ask for."""
        leaving = {r.instance_id for r in plan.records if r.state is InstanceState.STOPPED} | set(plan.removed)
        statuses = dict(plan.statuses)
        for operation in plan.ended:
            if operation.status is OperationStatus.FAILED and operation.deployment in statuses:
                name = operation.deployment
                gone = [r.instance_id for r in wanted.instances if r.deployment == name and r.instance_id in leaving]
                statuses[name] = await self._with_logs(statuses[name], gone)
        return replace(plan, statuses=statuses)

    async def _with_logs(self, status: DeploymentStatus, gone: list[str]) -> DeploymentStatus:
        if not gone:
            return status
        logs = {
            container: await self._backend.logs(gone[-1], container=container, tail=FAILED_LOG_LINES)
            for container in ("inference-server", "storage-initializer")
        }
        return replace(status, failed_logs=logs)

    def _publish(self, name: str, plan: EndpointPlan) -> None:
        self._refused.pop(name, None)
        if plan.model is None:
            self._published.pop(name, None)
            self._gateway.withdraw(name)
            return
        is_new = self._published.get(name) != plan.model.version
        self._published[name] = plan.model.version
        try:
            self._gateway.publish(plan.model)
        except GatewayRefused as refusal:
            self._refused[name] = str(refusal)
            if is_new:
                log.error("the gateway cannot serve endpoint %s like this: %s", name, refusal)
                self.wake([name])

    async def _act_on_instances(self, wanted: Wanted, plan: EndpointPlan, seen: Seen, now: float) -> None:
        for record in plan.records:
            self._endpoint_of[record.instance_id] = wanted.name
            observed = seen.instances.get(record.instance_id)
            if record.state.is_leaving:
                self._prober.forget(record.instance_id)
            elif _is_to_start(record, observed, now):
                self._prober.forget(record.instance_id)
                await self._start(wanted, plan, record)
            elif observed and observed.attempt == record.attempt and observed.port:
                self._probe(record, observed, plan)
        for id in plan.removed:
            self._prober.forget(id)
            self._endpoint_of.pop(id, None)
            self._unresolvable.pop(id, None)
            await self._backend.remove(id, grace_s=STOP_GRACE_S)

    async def _start(self, wanted: Wanted, plan: EndpointPlan, record: InstanceRecord) -> None:
        spec = plan.specs.get(record.revision)
        if spec is None or wanted.endpoint is None:
            return
        try:
            instance = await self._store.read(
                partial(
                    build_instance_spec,
                    workspace=wanted.endpoint.workspace,
                    spec=spec,
                    record=record,
                    object_path=self._object_path,
                    curated=self._curated,
                )
            )
        except TealError as error:
            failure = Failure(code=error.code, message=error.message, hint=error.hint)
            self._unresolvable[record.instance_id] = InstanceObserved(
                instance_id=record.instance_id,
                phase=InstancePhase.EXITED,
                attempt=record.attempt,
                failure=failure,
                permanent=True,
            )
            self.wake([wanted.name])
            return
        self._unresolvable.pop(record.instance_id, None)
        await self._backend.apply(instance, attempt=record.attempt)

    def _probe(self, record: InstanceRecord, observed: InstanceObserved, plan: EndpointPlan) -> None:
        spec = plan.specs.get(record.revision)
        if spec is None or observed.phase not in (InstancePhase.STARTING, InstancePhase.RUNNING):
            return
        self._prober.watch(
            ProbeTarget(
                instance_id=record.instance_id,
                attempt=record.attempt,
                url=f"http://{observed.address}:{observed.port}/",
                readiness=spec.readiness_probe,
                liveness=spec.liveness_probe,
                assume_passing=record.state.is_serving or (False if record.has_answered else None),
            )
        )
        if observed.phase is InstancePhase.RUNNING:
            self._prober.hurry(record.instance_id)

    def _schedule(self, name: str, wanted: Wanted, plan: EndpointPlan, now: float) -> None:
        # Whoever woke this endpoint during the pass has set its time to 0: that stands.
        was_woken = self._agenda.get(name) == 0.0
        if plan.model is None and not plan.records and wanted.endpoint is None and not was_woken:
            self._agenda.forget(name)
            self._awaiting.discard(name)
            return
        if not _awaits_gateway(plan, wanted):
            self._awaiting.discard(name)
        at = now + _spread(name) * max(RESYNC_S, len(self._agenda) / RESYNCS_PER_S)
        for record in plan.records:
            if record.state is InstanceState.DRAINING:
                at = min(at, now + DRAIN_LOOK_S)
            elif record.retry_at and record.retry_at > now:
                at = min(at, record.retry_at)
        if _has_moved(wanted, plan):
            at = now
        if not was_woken:
            self._agenda.set(name, at)


# --- private


def _is_to_start(record: InstanceRecord, observed: InstanceObserved | None, now: float) -> bool:
    is_due = record.retry_at is None or record.retry_at <= now
    return record.state is InstanceState.STARTED and is_due and (observed is None or observed.attempt < record.attempt)


def _spread(name: str) -> float:
    """From 0.5 to 1.5, always the same for a name: endpoints looked at together at a start drift apart."""
    return 0.5 + crc32(name.encode()) / 2**32


def _awaits_gateway(plan: EndpointPlan, wanted: Wanted) -> bool:
    """Whether an acknowledgement would let this endpoint take another step, or take back what it says of itself."""
    if wanted.operations or plan.model is None or (plan.status and not all(c.status for c in plan.status.conditions)):
        return True
    return any(r.state not in (InstanceState.STARTED, InstanceState.ROUTABLE) for r in plan.records)


def _has_moved(wanted: Wanted, plan: EndpointPlan) -> bool:
    """Whether this pass has taken a step after which another one may follow at once."""
    before = {(r.instance_id, r.state, r.attempt) for r in wanted.instances}
    after = {(r.instance_id, r.state, r.attempt) for r in plan.records}
    return bool(plan.ended) or before != after


def _load_all_wanted(tx: Transaction, names: Iterable[str]) -> list[Wanted]:
    return [load_wanted(tx, name) for name in names]
