"""Changes and faults under continuous load cost nobody anything; and what says so would find it."""

import os
from functools import partial
from pathlib import Path
from random import Random

import pytest

from soak.bodies import Bodies
from soak.ledger import Answered, Asked, Fault, Ledger, Outcome, find_duplicates
from soak.report import build_content, write_report
from soak.run import Plan, SoakResult, run_soak
from soak.schedule import EVENLY, FIRST, Kind, build_schedule
from tests.harness import planted_server
from tests.harness.teal import TealServer

MIB = 1024 * 1024
SLOW_TO_APPLY = frozenset({Kind.FREEZE_INSTANCE})


@pytest.mark.timeout(300)
def test_changes_and_faults_cost_nobody_anything(tmp_path: Path) -> None:
    schedule = build_schedule(20, 24, frozenset(Kind) - SLOW_TO_APPLY, often=EVENLY, longest_pause_s=0.2)
    assert len({step.kind for step in schedule}) > 18
    assert Kind.REPLACE_GATEWAY in {step.kind for step in schedule}
    result = run_soak(
        Plan(schedule=schedule, seed=20, seconds=90, largest_bytes=20 * MIB, longest_stream_s=8), tmp_path
    )
    ledger = result.ledger
    assert ledger.problems == [], ledger.unexcused
    assert ledger.outcomes[Outcome.RIGHT] > 1000
    assert {client.rpartition("-")[0] for client in ledger.by_client} == {"h1", "h1-tls", "h2", "h2-tls"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("fault", "kind", "steps"),
    [
        ("route_before_ready", Kind.UPDATE_VARIABLES, 4),
        ("skip_drain", Kind.UPDATE_VARIABLES, 8),
        ("skip_acknowledgement", Kind.SHIFT, 8),
        ("replace_roughly", Kind.REPLACE_GATEWAY, 2),
    ],
)
def test_a_planted_fault_is_found(tmp_path: Path, fault: str, kind: Kind, steps: int) -> None:
    ledger = soak_planted(tmp_path, fault, kind, steps)
    assert ledger.unexcused, ledger.problems
    assert ledger.problems


@pytest.mark.timeout(300)
def test_a_gateway_that_hears_everything_late_costs_nothing(tmp_path: Path) -> None:
    """What `skip_acknowledgement` is seen by is not its slow gateway."""
    assert soak_planted(tmp_path, "deliver_slowly", Kind.SHIFT, 4).problems == []


def test_the_same_seed_gives_the_same_steps() -> None:
    assert build_schedule(5, 200) == build_schedule(5, 200)
    assert build_schedule(5, 200) != build_schedule(6, 200)


@pytest.mark.parametrize("seed", range(5))
def test_every_kind_of_step_comes_up_and_the_endpoint_can_always_answer(seed: int) -> None:
    schedule = build_schedule(seed, 300)
    assert {step.kind for step in schedule} == set(Kind)
    for step in schedule:
        assert sum(step.after.traffic.values()) == 100
        assert step.after.traffic.keys() <= step.after.deployments.keys()
        assert not step.after.traffic.keys() & step.after.mirror.keys()


def test_steps_that_can_never_happen_are_refused() -> None:
    with pytest.raises(ValueError, match="none of these can ever happen: create deployment"):
        build_schedule(1, 1, frozenset({Kind.CREATE}))


def test_an_answer_by_whom_was_right_when_it_was_asked_is_right_and_a_later_one_is_not() -> None:
    ledger = Ledger(slow_s=1)
    ledger.begin_epoch(frozenset({("blue", "1")}))
    early = ask(ledger, "early")
    ledger.begin_epoch(frozenset({("blue", "1"), ("green", "1")}))
    ledger.begin_epoch(frozenset({("green", "1")}))
    late = ask(ledger, "late")
    assert ledger.is_right(early, "blue", "1")
    assert ledger.is_right(early, "green", "1")
    assert not ledger.is_right(late, "blue", "1")


def test_a_fault_answers_only_for_what_was_asked_before_it_ended() -> None:
    ledger = Ledger(slow_s=1)
    ledger.begin_epoch(frozenset())
    ledger.faults.append(Fault("killed", 1.0, lambda answered: answered.status == 424, in_hand=1, ended_at=2.0))
    for id, sent_at, ended_at, status in (("a", 0.5, 1.5, 424), ("b", 2.5, 2.6, 424), ("c", 0.5, 1.5, 503)):
        ledger.record(Answered(ask(ledger, id, sent_at), ended_at, status))
    assert [(answered.asked.id, str(outcome)) for outcome, answered, _ in ledger.not_right] == [
        ("a", "excused"), ("b", "failed"), ("c", "failed"),
    ]  # fmt: skip
    assert ledger.problems == ["2 failed", "nothing was answered"]


def test_what_one_deployment_acted_on_twice_is_found_and_a_copy_for_another_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "blue-1-1.txt").write_text("a\nb\n")
    (tmp_path / "blue-2-1.txt").write_text("b\n")
    (tmp_path / "green-3-1.txt").write_text("a\n")
    assert find_duplicates(tmp_path) == ("b by blue",)
    assert find_duplicates(tmp_path, repeatable={"b"}) == ()


def test_what_is_in_hand_when_an_instance_of_an_idempotent_endpoint_dies_may_be_repeated() -> None:
    ledger = Ledger(slow_s=1)
    ledger.begin_epoch(frozenset())
    for repeats, began_at in ((False, 1.0), (True, 3.0)):
        fault = Fault("killed", began_at, lambda _: False, in_hand=1, repeats=repeats)
        ledger.faults.append(fault)
        ask(ledger, f"during-{began_at:g}", began_at + 0.5)
        fault.ended_at = began_at + 1
        ask(ledger, f"after-{began_at:g}", began_at + 1.5)
    assert ledger.repeatable == {"during-3"}


def test_bodies_have_every_size_and_the_checksum_of_their_content() -> None:
    bodies = Bodies(Random(1), largest_bytes=2 * MIB)
    sizes = [bodies.draw_size() for _ in range(5000)]
    assert min(sizes) < 1000
    assert max(sizes) == 2 * MIB
    body = bodies.build("id", 5000, 0.5)
    assert len(body.content) == 5000
    assert body.content.startswith(b'{"id": "id", "work_s": 0.5, "pieces": 0}\n')


def test_the_report_is_json_and_a_plot(tmp_path: Path) -> None:
    ledger = Ledger(slow_s=1)
    ledger.begin_epoch(FIRST.right_answers)
    ledger.record(Answered(ask(ledger, "a"), 0.5, 200))
    ledger.record(Answered(ask(ledger, "b"), 1.5, None, "the connection broke"))
    result = SoakResult(Plan(schedule=(), seed=7), ledger, 2.0)
    folder = write_report(result, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["plot.svg", "report.json"]
    content = build_content(result)
    assert content["passed"] is False
    assert content["requests"]["lost"] == 1
    assert (folder / "plot.svg").read_text().startswith("<svg")


# --- private


def ask(ledger: Ledger, id: str, sent_at: float = 0.0) -> Asked:
    asked = Asked(id, "h1-0", 100, sent_at, ledger.epoch, 0.0)
    ledger.send(asked)
    return asked


def soak_planted(folder: Path, fault: str, kind: Kind, steps: int) -> Ledger:
    schedule = build_schedule(1, steps, frozenset({kind}), longest_pause_s=0.2)
    plan = Plan(schedule=schedule, seed=1, seconds=60, largest_bytes=MIB, longest_stream_s=1)
    return run_soak(plan, folder, start=partial(start_planted, fault)).ledger


def start_planted(fault: str, server: TealServer) -> None:
    """This server now, and at every start that follows."""
    assert fault in planted_server.FAULTS
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    server.environ["PYTHONPATH"] = os.pathsep.join(paths)
    server.up_words = ("-m", "tests.harness.planted_server", fault)
    server.up()
