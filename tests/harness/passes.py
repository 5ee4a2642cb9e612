"""Passes of the loop by hand: plan_endpoint over values in memory, with processes, probes and the gateway set by
the test."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

from teal.domain.deployments import DeploymentSpec, DeploymentStatus, OnlineDeployment
from teal.domain.endpoints import EndpointKeys, EndpointSpec, OnlineEndpoint
from teal.domain.failures import Failure
from teal.domain.instance_records import InstanceRecord, InstanceState
from teal.domain.instances import InstanceObserved, InstancePhase
from teal.domain.operations import Operation, OperationKind, OperationStatus
from teal.domain.probes import ProbeRecord
from teal.domain.resource_ids import WorkspaceId
from teal.gateway.model import EndpointModel
from teal.reconcile.endpoints import EndpointPlan, plan_endpoint
from teal.reconcile.seen import Health, Seen
from teal.reconcile.wanted import Wanted

WORKSPACE = WorkspaceId("sub", "group", "ws")
READY = Health(ProbeRecord(passing=True), ProbeRecord(passing=True))


def deployment_spec(**changes: object) -> DeploymentSpec:
    base = DeploymentSpec(
        model="azureml:m:1", code_id="azureml:c:1", scoring_script="score.py", environment="azureml:e:1"
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@dataclass
class Passes:
    """One endpoint named `ep`. Asking (`create`, `shift` ...) queues an operation; `run` makes passes until nothing
    moves.

    New processes come up ready at once unless `starts` says otherwise; the gateway acknowledges unless
    `acknowledges` is False.
    """

    wanted: Wanted = field(default_factory=lambda: Wanted(name="ep"))
    now: float = 1000.0
    acknowledges: bool = True
    rejected: str | None = None
    starts: Callable[[InstanceRecord], InstanceObserved | None] = lambda r: running(r)
    health: dict[str, Health] = field(default_factory=dict)
    health_of_others: Health = READY
    processes: dict[str, InstanceObserved] = field(default_factory=dict)
    in_flight: dict[str, int] = field(default_factory=dict)
    in_force: EndpointModel | None = None
    history: list[EndpointModel | None] = field(default_factory=list)
    ended: list[Operation] = field(default_factory=list)
    _ids: "count[int]" = field(default_factory=count)

    def new_id(self) -> str:
        return f"{next(self._ids):08d}"

    # --- asking

    def create_endpoint(self) -> Operation:
        spec = EndpointSpec()
        endpoint = OnlineEndpoint(workspace=WORKSPACE, name="ep", spec=spec, generation=1, created_at=0, modified_at=0)
        self.wanted = replace(self.wanted, endpoint=endpoint, keys=EndpointKeys("k" * 20, "s" * 20))
        return self._queue(OperationKind.CREATE_ENDPOINT, None, spec)

    def create(self, name: str, spec: DeploymentSpec | None = None) -> Operation:
        spec = spec or deployment_spec()
        deployment = OnlineDeployment(endpoint="ep", name=name, spec=spec, generation=1, created_at=0, modified_at=0)
        self.wanted = replace(self.wanted, deployments={**self.wanted.deployments, name: deployment})
        return self._queue(OperationKind.CREATE_DEPLOYMENT, name, spec)

    def update(self, name: str, spec: DeploymentSpec) -> Operation:
        deployment = replace(self.wanted.deployments[name], spec=spec)
        self.wanted = replace(self.wanted, deployments={**self.wanted.deployments, name: deployment})
        return self._queue(OperationKind.UPDATE_DEPLOYMENT, name, spec)

    def delete(self, name: str) -> Operation:
        return self._queue(OperationKind.DELETE_DEPLOYMENT, name, None)

    def delete_endpoint(self) -> Operation:
        return self._queue(OperationKind.DELETE_ENDPOINT, None, None)

    def shift(self, traffic: dict[str, int], mirror: dict[str, int] | None = None) -> Operation:
        return self._queue(
            OperationKind.UPDATE_ENDPOINT, None, EndpointSpec(traffic=traffic, mirror_traffic=mirror or {})
        )

    # --- passing

    def once(self) -> EndpointPlan:
        seen = Seen(
            instances=self.processes,
            health={id: self.health.get(id, self.health_of_others) for id, p in self.processes.items() if p.port},
            version_in_force=self.in_force.version if self.in_force else None,
            published=self.history[-1].version if self.history and self.history[-1] else None,
            settled=True,
            rejected=self.rejected,
            in_flight=self.in_flight,
        )
        plan = plan_endpoint(self.wanted, seen, self.now, self.new_id)
        self._remember(plan)
        return plan

    def run(self, passes: int = 20) -> None:
        for _ in range(passes):
            self.once()

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.run()

    def states(self, deployment: str) -> list[InstanceState]:
        return [r.state for r in self.wanted.instances if r.deployment == deployment]

    def status(self, deployment: str) -> DeploymentStatus:
        return self.wanted.statuses[deployment]

    def outcome(self, operation: Operation) -> OperationStatus:
        return next((o.status for o in self.ended if o.id == operation.id), OperationStatus.IN_PROGRESS)

    # --- private

    def _queue(
        self, kind: OperationKind, deployment: str | None, wanted: EndpointSpec | DeploymentSpec | None
    ) -> Operation:
        operation = Operation(
            id=self.new_id(),
            seq=next(self._ids),
            workspace=WORKSPACE,
            endpoint="ep",
            deployment=deployment,
            kind=kind,
            status=OperationStatus.IN_PROGRESS,
            wanted=wanted,
            started_at=self.now,
        )
        self.wanted = replace(self.wanted, operations=(*self.wanted.operations, operation))
        return operation

    def _remember(self, plan: EndpointPlan) -> None:
        self.ended += plan.ended
        ended = {o.id for o in plan.ended}
        gone = set(self.wanted.deployments) if plan.is_deleted else set(plan.deleted)
        self.wanted = replace(
            self.wanted,
            instances=plan.records,
            statuses={n: s for n, s in plan.statuses.items() if n not in gone},
            status=None if plan.is_deleted else plan.status,
            operations=tuple(o for o in self.wanted.operations if o.id not in ended),
            deployments={n: d for n, d in self.wanted.deployments.items() if n not in gone},
            endpoint=None if plan.is_deleted else self.wanted.endpoint,
            keys=None if plan.is_deleted else self.wanted.keys,
        )
        self.history.append(plan.model)
        if self.acknowledges:
            self.in_force = plan.model
        for record in plan.records:
            seen = self.processes.get(record.instance_id)
            due = record.retry_at is None or record.retry_at <= self.now
            is_new = seen is None or seen.attempt < record.attempt
            if record.state is InstanceState.STARTED and due and is_new and (started := self.starts(record)):
                self.processes[record.instance_id] = started
            self.in_flight.setdefault(record.instance_id, 0)
        for id in plan.removed:
            self.processes.pop(id, None)


def running(record: InstanceRecord) -> InstanceObserved:
    port = 20000 + int(record.instance_id.rpartition("-")[2])
    return InstanceObserved(
        instance_id=record.instance_id,
        phase=InstancePhase.RUNNING,
        attempt=record.attempt,
        address="127.0.0.1",
        port=port,
    )


def exited(record: InstanceRecord, *, permanent: bool = False, code: str = "InstanceExited") -> InstanceObserved:
    return InstanceObserved(
        instance_id=record.instance_id,
        phase=InstancePhase.EXITED,
        attempt=record.attempt,
        failure=Failure(code=code, message=f"ended: {code}"),
        permanent=permanent,
    )
