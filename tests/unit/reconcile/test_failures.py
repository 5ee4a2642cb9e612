"""What happens when an instance ends, never gets ready or stops answering."""

from dataclasses import replace

import pytest

from teal.domain.instance_records import InstanceState
from teal.domain.operations import OperationStatus
from teal.domain.probes import ProbeRecord
from teal.domain.states import ProvisioningState
from teal.reconcile.seen import Health
from tests.harness.passes import READY, Passes, deployment_spec, exited, running
from tests.unit.reconcile.test_rollout_order import hosts, with_blue


def test_a_hopeless_start_fails_the_deployment_with_its_reason_at_once() -> None:
    passes = Passes(starts=lambda r: exited(r, permanent=True, code="UserScriptInitFailed"))
    passes.create_endpoint()
    create = passes.create("blue")
    passes.run()
    assert passes.outcome(create) is OperationStatus.FAILED
    assert passes.status("blue").outcome is ProvisioningState.FAILED
    failure = passes.status("blue").failure
    assert failure is not None
    assert failure.code == "UserScriptInitFailed"
    assert passes.processes == {}


def test_a_crash_while_starting_is_tried_three_times_with_growing_pauses() -> None:
    passes = Passes(starts=lambda r: exited(r))
    passes.create_endpoint()
    create = passes.create("blue")
    passes.run()
    assert passes.wanted.instances[0].attempt == 3
    assert passes.outcome(create) is OperationStatus.IN_PROGRESS
    passes.later(0.5)
    assert passes.outcome(create) is OperationStatus.FAILED


def test_an_index_that_cannot_be_reached_is_not_asked_by_build_after_build() -> None:
    passes = Passes(starts=lambda r: exited(r, code="EnvironmentIndexUnreachable"))
    passes.create_endpoint()
    create = passes.create("blue")
    passes.run()
    assert passes.outcome(create) is OperationStatus.FAILED
    assert passes.wanted.instances == ()
    failure = passes.status("blue").failure
    assert failure is not None
    assert failure.code == "EnvironmentIndexUnreachable"


def test_a_failed_update_leaves_the_old_revision_serving() -> None:
    passes = with_blue()
    before = hosts(passes, "blue")
    passes.starts = lambda r: exited(r, permanent=True)
    update = passes.update("blue", deployment_spec(model="azureml:m:2"))
    passes.run()
    passes.later(5)
    assert passes.outcome(update) is OperationStatus.FAILED
    assert hosts(passes, "blue") == before
    assert passes.status("blue").serving == deployment_spec()
    assert passes.status("blue").outcome is ProvisioningState.FAILED


def test_a_good_update_after_a_failed_one_succeeds() -> None:
    passes = with_blue()
    passes.starts = lambda r: exited(r, permanent=True)
    passes.update("blue", deployment_spec(model="azureml:m:2"))
    passes.run()
    passes.starts = running
    update = passes.update("blue", deployment_spec(model="azureml:m:3"))
    passes.run()
    assert passes.outcome(update) is OperationStatus.SUCCEEDED
    assert passes.status("blue").failure is None
    assert passes.status("blue").outcome is ProvisioningState.SUCCEEDED


def test_scaling_up_that_fails_keeps_the_instances_there_were() -> None:
    passes = with_blue()
    before = hosts(passes, "blue")
    passes.starts = lambda r: exited(r, permanent=True)
    scale = passes.update("blue", deployment_spec(instance_count=2))
    passes.run()
    assert passes.outcome(scale) is OperationStatus.FAILED
    assert hosts(passes, "blue") == before


def test_an_instance_in_service_that_ends_leaves_the_rotation_and_is_started_again() -> None:
    passes = with_blue()
    (id,) = hosts(passes, "blue")
    passes.processes[id] = exited(passes.wanted.instances[0])
    passes.once()
    assert hosts(passes, "blue") == {}
    passes.later(0.5)
    assert passes.states("blue") == [InstanceState.ROUTABLE]
    assert hosts(passes, "blue") == {id: False}


def test_an_instance_in_service_is_restarted_for_ever_never_given_up() -> None:
    passes = with_blue()
    (id,) = hosts(passes, "blue")
    passes.starts = lambda r: exited(r, permanent=True)
    passes.processes[id] = exited(passes.wanted.instances[0])
    for _ in range(12):
        passes.later(100)
    record = passes.wanted.instances[0]
    assert record.instance_id == id
    assert record.attempt > 10
    assert passes.status("blue").outcome is ProvisioningState.SUCCEEDED
    assert any(c.reason == "InstancesNotReady" for c in passes.status("blue").conditions)


def test_an_instance_that_vanished_while_the_server_was_away_is_started_again_at_once() -> None:
    passes = with_blue()
    passes.processes.clear()
    passes.run()
    assert passes.states("blue") == [InstanceState.ROUTABLE]
    assert len(passes.processes) == 1


def test_a_failing_readiness_probe_takes_an_instance_out_and_a_passing_one_puts_it_back() -> None:
    passes = with_blue()
    (id,) = hosts(passes, "blue")
    passes.health[id] = Health(ProbeRecord(passing=False), ProbeRecord(passing=True))
    passes.run()
    assert hosts(passes, "blue") == {}
    assert id in passes.processes
    passes.health[id] = READY
    passes.run()
    assert hosts(passes, "blue") == {id: False}


def test_an_instance_of_any_age_whose_readiness_fails_waits_outside_of_the_rotation() -> None:
    passes = with_blue()
    (id,) = hosts(passes, "blue")
    passes.later(1000)
    passes.health[id] = Health(ProbeRecord(passing=False), ProbeRecord(passing=True))
    passes.run()
    passes.later(1000)
    assert hosts(passes, "blue") == {}
    assert list(passes.processes) == [id]
    passes.health[id] = READY
    passes.run()
    assert hosts(passes, "blue") == {id: False}


def test_a_failing_liveness_probe_replaces_the_instance() -> None:
    passes = with_blue()
    (id,) = hosts(passes, "blue")
    passes.health[id] = Health(ProbeRecord(passing=True), ProbeRecord(passing=False))
    passes.run()
    passes.later(1)
    assert id not in passes.processes
    assert passes.states("blue") == [InstanceState.ROUTABLE]


@pytest.mark.parametrize("in_hand", [0, 1])
def test_an_instance_that_hangs_is_replaced_also_when_its_readiness_was_seen_to_fail_first(in_hand: int) -> None:
    passes = with_blue()
    (id,) = hosts(passes, "blue")
    passes.health[id] = Health(ProbeRecord(passing=False), ProbeRecord(passing=True))
    passes.run()
    assert passes.states("blue") == [InstanceState.STARTED]
    passes.in_flight[id] = in_hand
    passes.health[id] = Health(ProbeRecord(passing=False), ProbeRecord(passing=False))
    passes.run()
    passes.later(1)
    assert (id in passes.processes) is bool(in_hand), "what is in its hands may still be answered"
    assert InstanceState.ROUTABLE in passes.states("blue")


def test_an_instance_that_never_answers_its_probe_and_says_nothing_is_given_up_a_while_after_its_time() -> None:
    passes = Passes(health_of_others=Health(ProbeRecord(last_failure="no answer within 2 s"), ProbeRecord()))
    passes.create_endpoint()
    create = passes.create("blue")
    passes.run()
    passes.later(300)
    assert passes.outcome(create) is OperationStatus.IN_PROGRESS
    passes.later(21)
    assert passes.outcome(create) is OperationStatus.FAILED
    failure = passes.status("blue").failure
    assert failure is not None
    assert "no answer within 2 s" in failure.message


def test_the_address_of_a_dead_draining_instance_is_not_published_beside_its_successor() -> None:
    passes = with_blue()
    (old,) = hosts(passes, "blue")
    port = passes.processes[old].port
    passes.in_flight[old] = 1
    passes.starts = lambda r: None if r.instance_id == old else replace(running(r), port=port)
    passes.acknowledges = False
    passes.processes[old] = exited(passes.wanted.instances[0])
    passes.update("blue", deployment_spec(model="azureml:m:2"))
    passes.run()
    assert list(hosts(passes, "blue").values()) == [False]
