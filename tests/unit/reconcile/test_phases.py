"""A deployment tells the steps of the start that its last change has waited for."""

from dataclasses import replace

from teal.domain.instance_records import InstanceRecord
from teal.domain.instances import InstanceObserved, InstancePhase, PhaseTime
from tests.harness.passes import Passes, deployment_spec, exited, running


def created(passes: Passes, *, acknowledges: bool = True) -> Passes:
    passes.create_endpoint()
    passes.run()
    passes.acknowledges = acknowledges
    passes.create("blue")
    passes.run()
    return passes


def steps(passes: Passes) -> dict[str, float | None]:
    return {
        phase.name: None if phase.ended_at is None else phase.ended_at - phase.started_at
        for phase in passes.status("blue").phases
    }


def seen_at(passes: Passes, record: InstanceRecord, *names: str) -> InstanceObserved:
    """A second for each step, and one before; meanwhile time passes."""
    times = tuple(PhaseTime(name, passes.now + number) for number, name in enumerate(names, 1))
    passes.now += len(names)
    return replace(running(record), phases=times)


def test_the_steps_of_a_start_reach_from_the_request_to_its_end() -> None:
    passes = Passes()
    passes.starts = lambda record: seen_at(passes, record, "placing files", "importing", "ready")
    created(passes, acknowledges=False)
    assert list(steps(passes)) == ["waiting", "placing files", "importing", "probing", "routing"]
    assert steps(passes)["routing"] is None
    passes.acknowledges = True
    passes.later(10)
    assert steps(passes) == {"waiting": 1, "placing files": 1, "importing": 1, "probing": 0, "routing": 10}


def test_a_change_that_fails_ends_with_the_step_it_failed_in() -> None:
    passes = Passes()
    passes.starts = lambda record: replace(
        exited(record, permanent=True), phases=(PhaseTime("importing", passes.now + 1),)
    )
    created(passes)
    assert list(steps(passes)) == ["waiting", "importing"]
    assert None not in steps(passes).values()


def test_a_change_that_starts_nothing_leaves_the_steps_of_the_one_before() -> None:
    passes = Passes()
    passes.starts = lambda record: seen_at(passes, record, "starting", "ready")
    before = steps(created(passes))
    passes.now += 100
    passes.update("blue", deployment_spec(tags={"team": "forecast"}))
    passes.run()
    assert steps(passes) == before


def test_of_several_instances_the_slowest_is_told() -> None:
    passes = Passes()
    passes.starts = lambda record: seen_at(passes, record, "starting", "ready")
    created(passes)

    def start(record: InstanceRecord) -> InstanceObserved:
        seen = seen_at(passes, record, "building environment")
        return replace(seen, phase=InstancePhase.PREPARING, port=None)

    passes.starts = start
    passes.now += 100
    passes.update("blue", deployment_spec(instance_count=3))
    passes.run()
    assert list(steps(passes)) == ["waiting", "building environment"]
