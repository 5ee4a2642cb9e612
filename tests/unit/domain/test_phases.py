"""The steps of a start: without gaps, from the request on, in words for people."""

from teal.domain.instances import PhaseTime
from teal.domain.phases import Phase, build_phases, close_phases

SEEN = (PhaseTime("placing files", 1.5), PhaseTime("importing", 2.0), PhaseTime("ready", 3.0))


def test_each_step_ends_where_the_next_begins_and_the_last_goes_on() -> None:
    assert build_phases(1.0, SEEN) == (
        Phase("waiting", 1.0, 1.5),
        Phase("placing files", 1.5, 2.0),
        Phase("importing", 2.0, 3.0),
        Phase("probing", 3.0, None),
    )


def test_once_its_probe_has_passed_an_instance_waits_for_the_gateway() -> None:
    *_, probing, routing = build_phases(1.0, SEEN, ready_at=3.5)
    assert (probing.ended_at, routing) == (3.5, Phase("routing", 3.5, None))


def test_a_start_that_failed_ends_with_the_step_it_failed_in() -> None:
    seen = (PhaseTime("importing", 2.0), PhaseTime("failed", 2.5))
    assert build_phases(1.0, seen)[-1] == Phase("importing", 2.0, 2.5)


def test_no_step_is_shorter_than_nothing() -> None:
    seen = (PhaseTime("starting", 2.0), PhaseTime("importing", 1.9))
    assert [phase.ended_at for phase in build_phases(1.0, seen)] == [2.0, 2.0, None]


def test_a_change_that_is_over_leaves_no_step_open() -> None:
    phases = build_phases(1.0, SEEN)
    assert close_phases(phases, 4.0) == (*phases[:-1], Phase("probing", 3.0, 4.0))
