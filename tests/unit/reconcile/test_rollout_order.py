"""The order of every change (design D3): ready before routed, routed before shifted, drained before stopped."""

from dataclasses import replace

import pytest

from teal.domain.conditions import ConditionType
from teal.domain.deployments import RequestSettings
from teal.domain.endpoint_settings import Limits
from teal.domain.instance_records import InstanceState
from teal.domain.instances import InstancePhase
from teal.domain.operations import OperationStatus
from teal.domain.quotas import Quota
from teal.domain.states import ProvisioningState
from teal.gateway.model import EndpointModel, validate
from teal.reconcile.endpoints import plan_endpoint
from teal.reconcile.seen import Seen
from tests.harness.passes import Passes, deployment_spec, exited, running


def with_blue(traffic: bool = True) -> Passes:
    passes = Passes()
    passes.create_endpoint()
    passes.create("blue")
    passes.run()
    if traffic:
        passes.shift({"blue": 100})
        passes.run()
    return passes


def published(passes: Passes) -> EndpointModel:
    model = passes.history[-1]
    assert model is not None
    return model


def hosts(passes: Passes, deployment: str) -> dict[str, bool]:
    """Instance id -> draining, as last published."""
    return {h.instance_id: h.draining for t in published(passes).targets if t.deployment == deployment for h in t.hosts}


def test_a_new_deployment_is_routable_by_name_and_has_no_traffic() -> None:
    passes = with_blue(traffic=False)
    assert passes.states("blue") == [InstanceState.ROUTABLE]
    assert published(passes).traffic == {}
    assert [t.deployment for t in published(passes).routable] == ["blue"]
    assert passes.status("blue").outcome is ProvisioningState.SUCCEEDED


def test_every_published_model_of_a_whole_rollout_is_valid() -> None:
    passes = with_blue()
    passes.update("blue", deployment_spec(instance_count=3))
    passes.run()
    passes.create("green", deployment_spec(model="azureml:m:2"))
    passes.run()
    passes.shift({"blue": 100}, {"green": 10})
    passes.run()
    passes.shift({"blue": 90, "green": 10})
    passes.run()
    passes.shift({"green": 100})
    passes.delete("blue")
    passes.run()
    passes.later(1)
    assert [reason for model in passes.history if model for reason in validate(model)] == []
    assert {r.deployment for r in passes.wanted.instances} == {"green"}


def test_an_operation_has_not_succeeded_before_the_gateway_acknowledges() -> None:
    passes = with_blue()
    passes.create("green")
    passes.run()
    passes.acknowledges = False
    shift = passes.shift({"blue": 90, "green": 10})
    passes.run()
    assert passes.outcome(shift) is OperationStatus.IN_PROGRESS
    passes.acknowledges = True
    passes.run()
    assert passes.outcome(shift) is OperationStatus.SUCCEEDED


def test_an_instance_that_is_not_ready_is_not_published() -> None:
    passes = Passes()
    passes.create_endpoint()
    passes.starts = lambda r: replace(running(r), port=None)
    passes.create("blue")
    passes.run()
    assert passes.states("blue") == [InstanceState.STARTED]
    assert published(passes).targets == ()


def test_an_update_keeps_the_old_instances_serving_until_all_new_ones_are_ready() -> None:
    passes = with_blue()
    (old,) = hosts(passes, "blue")
    slow: set[str] = set()
    passes.starts = lambda r: replace(running(r), port=None) if not slow else running(r)
    update = passes.update("blue", deployment_spec(model="azureml:m:2", instance_count=2))
    passes.run()
    assert hosts(passes, "blue") == {old: False}
    assert passes.outcome(update) is OperationStatus.IN_PROGRESS
    passes.processes |= {r.instance_id: running(r) for r in passes.wanted.instances if r.instance_id != old}
    passes.in_flight[old] = 1
    passes.run()
    assert hosts(passes, "blue")[old] is True
    assert sorted(hosts(passes, "blue").values()) == [False, False, True]
    assert passes.outcome(update) is OperationStatus.SUCCEEDED


def test_a_draining_instance_stays_until_its_last_request_is_answered() -> None:
    passes = with_blue()
    (old,) = hosts(passes, "blue")
    passes.in_flight[old] = 1
    passes.update("blue", deployment_spec(model="azureml:m:2"))
    passes.run()
    passes.later(60)
    assert hosts(passes, "blue")[old] is True
    passes.in_flight[old] = 0
    passes.run()
    passes.later(1)
    assert old not in hosts(passes, "blue")
    assert old not in passes.processes


def test_an_instance_is_not_drained_on_the_word_of_a_gateway_that_has_not_acknowledged() -> None:
    passes = with_blue()
    (old,) = hosts(passes, "blue")
    passes.acknowledges = False
    passes.update("blue", deployment_spec(model="azureml:m:2"))
    passes.run()
    passes.later(10)
    assert [r.state for r in passes.wanted.instances if r.instance_id == old] == [InstanceState.DRAINING]


def test_an_instance_is_removed_only_after_the_gateway_has_forgotten_it() -> None:
    passes = with_blue()
    passes.update("blue", deployment_spec(model="azureml:m:2"))
    passes.run()
    passes.acknowledges = False
    passes.later(1)
    assert InstanceState.STOPPED in passes.states("blue")
    assert len(passes.processes) == 2
    passes.acknowledges = True
    passes.run()
    assert len(passes.processes) == 1


def test_draining_ends_at_the_limit_of_the_deployment() -> None:
    passes = Passes()
    passes.create_endpoint()
    passes.create("blue", deployment_spec(request_settings=RequestSettings(drain_limit_s=5)))
    passes.run()
    (old,) = hosts(passes, "blue")
    passes.in_flight[old] = 1
    passes.update("blue", deployment_spec(model="azureml:m:2"))
    passes.run()
    passes.later(4)
    assert old in passes.processes
    passes.later(2)
    assert old not in passes.processes


def test_draining_holds_up_no_other_operation() -> None:
    passes = with_blue()
    (old,) = hosts(passes, "blue")
    passes.in_flight[old] = 1
    passes.update("blue", deployment_spec(model="azureml:m:2"))
    passes.run()
    again = passes.update("blue", deployment_spec(model="azureml:m:3"))
    green = passes.create("green")
    passes.run()
    assert passes.outcome(again) is passes.outcome(green) is OperationStatus.SUCCEEDED
    assert hosts(passes, "blue")[old] is True


def test_scaling_down_drains_the_youngest_and_scaling_up_moves_nobody() -> None:
    passes = with_blue()
    (first,) = hosts(passes, "blue")
    passes.update("blue", deployment_spec(instance_count=3))
    passes.run()
    assert len(hosts(passes, "blue")) == 3
    passes.update("blue", deployment_spec(instance_count=1))
    passes.run()
    assert hosts(passes, "blue")[first] is False
    passes.later(1)
    assert hosts(passes, "blue") == {first: False}


def test_the_gateway_knows_how_many_instances_are_wanted_whatever_becomes_of_them() -> None:
    passes = with_blue()
    assert [target.instances for target in published(passes).targets] == [1]
    passes.update("blue", deployment_spec(instance_count=3))
    passes.run()
    crashed = next(r for r in passes.wanted.instances if r.state is InstanceState.ROUTABLE)
    passes.processes[crashed.instance_id] = exited(crashed)
    passes.once()
    assert len(hosts(passes, "blue")) == 2
    assert [target.instances for target in published(passes).targets] == [3]


def test_a_deleted_deployment_loses_its_name_at_once_and_its_instances_when_idle() -> None:
    passes = with_blue(traffic=False)
    (old,) = hosts(passes, "blue")
    passes.in_flight[old] = 1
    delete = passes.delete("blue")
    passes.run()
    assert passes.outcome(delete) is OperationStatus.SUCCEEDED
    assert published(passes).routable == ()
    assert old in passes.processes
    passes.in_flight[old] = 0
    passes.run()
    passes.later(1)
    assert passes.processes == {}
    assert published(passes).targets == ()


def test_deleting_an_endpoint_drains_everything_and_leaves_nothing() -> None:
    passes = with_blue()
    (old,) = hosts(passes, "blue")
    passes.in_flight[old] = 1
    delete = passes.delete_endpoint()
    passes.run()
    assert passes.outcome(delete) is OperationStatus.SUCCEEDED
    assert published(passes).keys == ()
    assert old in passes.processes
    passes.in_flight[old] = 0
    passes.run()
    passes.later(1)
    assert passes.history[-1] is None
    assert passes.processes == {}


def test_a_shift_waits_for_the_deployment_that_is_being_created() -> None:
    passes = with_blue()
    passes.starts = lambda r: None
    passes.create("green")
    shift = passes.shift({"green": 100})
    passes.run()
    assert published(passes).traffic == {"blue": 100}
    passes.starts = running
    passes.run()
    assert passes.outcome(shift) is OperationStatus.SUCCEEDED
    assert published(passes).traffic == {"green": 100}


def test_a_shift_that_does_not_touch_a_pending_deployment_does_not_wait_for_it() -> None:
    passes = with_blue()
    passes.create("green")
    passes.run()
    passes.shift({"blue": 50, "green": 50})
    passes.run()
    passes.starts = lambda r: None
    passes.create("red")
    rollback = passes.shift({"blue": 100})
    passes.run()
    assert passes.outcome(rollback) is OperationStatus.SUCCEEDED
    assert published(passes).traffic == {"blue": 100}


def test_a_deployment_is_deleted_only_after_the_shift_away_from_it_is_in_force() -> None:
    passes = with_blue()
    passes.create("green")
    passes.run()
    passes.acknowledges = False
    passes.shift({"green": 100})
    passes.delete("blue")
    passes.run()
    assert list(hosts(passes, "blue").values()) == [False]
    passes.acknowledges = True
    passes.run()
    passes.later(1)
    assert hosts(passes, "blue") == {}


def test_a_rejected_change_fails_and_the_traffic_stays_as_it_was() -> None:
    passes = with_blue()
    passes.create("green")
    passes.run()
    passes.acknowledges = False
    passes.rejected = "bad weights"
    shift = passes.shift({"green": 100})
    passes.run()
    assert passes.outcome(shift) is OperationStatus.FAILED
    assert published(passes).traffic == {"blue": 100}
    assert passes.wanted.status is not None
    assert any(not c.status and c.reason == "Rejected" for c in passes.wanted.status.conditions)


def test_a_rejection_of_an_earlier_change_does_not_fail_the_next_one() -> None:
    passes = with_blue()
    passes.create("green")
    passes.run()
    passes.acknowledges = False
    passes.rejected = "bad weights"
    passes.shift({"green": 100})
    second = passes.shift({"blue": 90, "green": 10})
    passes.once()
    passes.once()
    passes.once()
    assert passes.outcome(second) is OperationStatus.IN_PROGRESS
    passes.rejected = None
    passes.acknowledges = True
    passes.run()
    assert passes.outcome(second) is OperationStatus.SUCCEEDED


def test_a_failed_deployment_is_never_given_traffic() -> None:
    passes = with_blue()
    passes.starts = lambda r: exited(r, permanent=True)
    passes.create("green")
    shift = passes.shift({"green": 100})
    passes.run()
    assert passes.outcome(shift) is OperationStatus.FAILED
    assert published(passes).traffic == {"blue": 100}


def test_nothing_is_in_force_while_a_gateway_has_yet_to_answer() -> None:
    passes = with_blue()
    shift = passes.shift({"blue": 100}, {})
    seen = Seen(instances=passes.processes, version_in_force=published(passes).version, settled=False)
    plan = plan_endpoint(passes.wanted, seen, passes.now, passes.new_id)
    assert plan.ended == ()
    passes.run()
    assert passes.outcome(shift) is OperationStatus.SUCCEEDED


@pytest.mark.parametrize("change", ["create", "update", "delete"])
def test_a_change_of_a_deployment_that_the_gateway_rejects_ends_as_failed(change: str) -> None:
    passes = with_blue()
    passes.create("green")
    passes.run()
    passes.acknowledges = False
    passes.rejected = "bad cluster"
    operation = {
        "create": lambda: passes.create("red"),
        "update": lambda: passes.update("green", deployment_spec(model="azureml:m:2")),
        "delete": lambda: passes.delete("green"),
    }[change]()
    passes.run()
    assert passes.outcome(operation) is OperationStatus.FAILED
    assert hosts(passes, "blue")
    passes.rejected = None
    passes.acknowledges = True
    again = passes.shift({"blue": 100}, {})
    passes.run()
    assert passes.outcome(again) is OperationStatus.SUCCEEDED


def test_what_serves_is_not_ended_while_the_gateway_rejects_what_should_replace_it() -> None:
    passes = with_blue()
    (old,) = hosts(passes, "blue")
    passes.acknowledges = False
    passes.rejected = "bad cluster"
    passes.update("blue", deployment_spec(model="azureml:m:2"))
    passes.run()
    passes.later(1000)
    assert old in passes.processes


def test_what_an_environment_has_otherwise_than_asked_is_said_of_the_wanted_revision_only() -> None:
    passes = with_blue(traffic=False)
    passes.starts = lambda r: replace(running(r), notes=("Python 3.10 instead of 3.9", "no image"))
    passes.update("blue", deployment_spec(model="azureml:m:2"))
    passes.run()
    assert condition(passes, ConditionType.ENVIRONMENT) == "Python 3.10 instead of 3.9; no image"
    passes.processes.clear()
    passes.starts = lambda r: replace(running(r), phase=InstancePhase.STARTING, port=None)
    passes.run()
    assert condition(passes, ConditionType.ENVIRONMENT) == "Python 3.10 instead of 3.9; no image"
    passes.starts = running
    passes.update("blue", deployment_spec(model="azureml:m:3"))
    passes.run()
    assert condition(passes, ConditionType.ENVIRONMENT) is None


def condition(passes: Passes, kind: ConditionType) -> str | None:
    return next((c.message for c in passes.status("blue").conditions if c.type is kind), None)


def test_limits_are_those_of_the_endpoint_else_of_its_workspace_else_of_the_server() -> None:
    passes = with_blue()
    server = Quota(limits=Limits(requests_per_s=1, requests_in_hand=2))

    def limits(**tags: str) -> Limits:
        wanted = replace(passes.wanted, workspace_tags={f"teal.{name}": text for name, text in tags.items()})
        model = plan_endpoint(wanted, Seen(), passes.now, passes.new_id, server).model
        assert model is not None
        return model.limits

    assert limits() == server.limits
    assert limits(max_requests_per_second="7") == Limits(requests_per_s=7, requests_in_hand=2)
    status = passes.wanted.status
    assert status is not None
    own = replace(status.in_force, properties={"teal.max_requests_per_second": "9"})
    passes.wanted = replace(passes.wanted, status=replace(status, in_force=own))
    assert limits(max_requests_per_second="7", max_requests_in_hand="none") == Limits(requests_per_s=9)
