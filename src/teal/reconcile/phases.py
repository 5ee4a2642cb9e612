"""Which instance tells what the change of a deployment is busy with, and its steps. Pure; called by endpoints.py."""

from dataclasses import replace

from teal.domain.deployments import DeploymentSpec, DeploymentStatus, revision_of
from teal.domain.instance_records import InstanceRecord
from teal.domain.operations import Operation
from teal.domain.phases import build_phases
from teal.reconcile.seen import Seen


def with_phases(
    status: DeploymentStatus, operation: Operation, records: tuple[InstanceRecord, ...], seen: Seen
) -> DeploymentStatus:
    """The status with the steps of the instance that this change waits for longest.

    A change that starts nothing (tags, a smaller number of instances) leaves the steps of the change before it.
    """
    if not isinstance(operation.wanted, DeploymentSpec):
        return status
    revision = revision_of(operation.wanted)
    started = [r for r in records if r.revision == revision and _has_begun(r, operation, seen)]
    if not started:
        return status
    slowest = max(started, key=lambda r: (not r.state.is_serving, r.since))
    return replace(
        status,
        phases=build_phases(
            operation.started_at,
            seen.instances[slowest.instance_id].phases,
            ready_at=slowest.since if slowest.state.is_serving else None,
        ),
    )


# --- private


def _has_begun(record: InstanceRecord, operation: Operation, seen: Seen) -> bool:
    """Whether the instance was started for this change."""
    observed = seen.instances.get(record.instance_id)
    return bool(observed and observed.phases and observed.phases[0].started_at >= operation.started_at)
