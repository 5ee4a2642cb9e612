"""Which of an endpoint's operations may run side by side."""

from teal.domain.operations import runnable
from tests.harness.passes import Passes, deployment_spec


def names(passes: Passes) -> list[str]:
    return [f"{o.kind}:{o.deployment or ''}" for o in runnable(passes.wanted.operations)]


def test_nothing_runs_before_the_endpoint_is_created() -> None:
    passes = Passes()
    passes.create_endpoint()
    passes.create("blue")
    assert names(passes) == ["CreateEndpoint:"]


def test_deployments_are_created_side_by_side() -> None:
    passes = Passes()
    passes.create("blue")
    passes.create("green")
    assert names(passes) == ["CreateDeployment:blue", "CreateDeployment:green"]


def test_changes_of_one_deployment_run_in_order() -> None:
    passes = Passes()
    passes.create("blue")
    passes.update("blue", deployment_spec(instance_count=2))
    assert names(passes) == ["CreateDeployment:blue"]


def test_changes_of_the_endpoint_run_in_order() -> None:
    passes = Passes()
    passes.shift({"blue": 100})
    passes.shift({"green": 100})
    assert names(passes) == ["UpdateEndpoint:"]


def test_traffic_waits_for_the_deployments_it_names_and_for_no_other() -> None:
    passes = Passes()
    passes.create("green")
    passes.shift({"blue": 100})
    assert names(passes) == ["CreateDeployment:green", "UpdateEndpoint:"]
    passes = Passes()
    passes.create("green")
    passes.shift({"blue": 100}, {"green": 10})
    assert names(passes) == ["CreateDeployment:green"]


def test_a_deletion_waits_for_the_traffic_that_leaves_it() -> None:
    passes = Passes()
    passes.shift({"green": 100})
    passes.delete("blue")
    assert names(passes) == ["UpdateEndpoint:"]


def test_deleting_the_endpoint_waits_for_everything_before_it() -> None:
    passes = Passes()
    passes.create("blue")
    passes.delete_endpoint()
    assert names(passes) == ["CreateDeployment:blue"]
