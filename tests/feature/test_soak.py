"""Changes and faults under continuous load cost nobody anything; and what says so would find it."""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import pytest

from soak.bodies import Bodies
from soak.counting import Look, find_forgotten, find_miscounted
from soak.ledger import Answered, Asked, Epoch, Fault, Ledger, Outcome
from soak.notes import Note, RightAnswer, find_duplicates, find_misled, read_notes
from soak.report import build_content, write_report
from soak.run import Plan, SoakResult, build_epoch, run_soak
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
def test_a_planted_split_that_is_two_percent_off_is_found(tmp_path: Path) -> None:
    ledger = soak_planted(tmp_path, "divide_wrongly", Kind.SHIFT, 3, then=Kind.COUNT)
    assert not ledger.unexcused
    assert [problem for problem in ledger.problems if "its share is" in problem], ledger.problems


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
    ledger.begin_epoch(Epoch(frozenset({("blue", "1")})))
    early = ask(ledger, "early")
    ledger.begin_epoch(Epoch(frozenset({("blue", "1"), ("green", "1")})))
    ledger.begin_epoch(Epoch(frozenset({("green", "1")})))
    late = ask(ledger, "late")
    assert ledger.is_right(early, "blue", "1")
    assert ledger.is_right(early, "green", "1")
    assert not ledger.is_right(late, "blue", "1")


def test_a_fault_answers_only_for_what_was_asked_before_it_ended() -> None:
    ledger = Ledger(slow_s=1)
    ledger.begin_epoch(Epoch(frozenset()))
    ledger.faults.append(Fault("killed", 1.0, lambda answered: answered.status == 424, in_hand=1, ended_at=2.0))
    for id, sent_at, ended_at, status in (("a", 0.5, 1.5, 424), ("b", 2.5, 2.6, 424), ("c", 0.5, 1.5, 503)):
        ledger.record(Answered(ask(ledger, id, sent_at), ended_at, status))
    assert [(answered.asked.id, str(outcome)) for outcome, answered, _ in ledger.not_right] == [
        ("a", "excused"), ("b", "failed"), ("c", "failed"),
    ]  # fmt: skip
    assert ledger.problems == ["2 failed", "nothing was answered"]


def test_what_one_deployment_acted_on_twice_is_found_and_a_copy_for_another_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "blue-1-1.txt").write_text("a 0 id-a\nb 0 id-b\n")
    (tmp_path / "blue-2-1.txt").write_text("b 0 id-b\n")
    (tmp_path / "green-3-1.txt").write_text("a 1 id-a\n")
    notes = list(read_notes(tmp_path))
    assert find_duplicates(notes) == ("b by blue",)
    assert find_duplicates(notes, repeatable={"b"}) == ()


def test_a_copy_is_never_made_twice() -> None:
    notes = [Note("green", "a", True, "id-a")] * 2
    assert find_duplicates(notes, repeatable={"a"}) == ("the copy of a by green",)


def test_who_acted_is_who_answered_and_copies_say_that_they_are() -> None:
    answers = {"a": RightAnswer("blue", "id-a", frozenset({"green"}), named=False, sent_at=0.0)}
    live, copy = Note("blue", "a", False, "id-a"), Note("green", "a", True, "id-a")
    assert find_misled([live, copy], answers) == ()
    assert find_misled([copy], answers) == ("a was answered, and nobody has noted it",)
    for wrong in (copy._replace(is_copy=False), copy._replace(request_id="other"), copy._replace(deployment="red")):
        assert len(find_misled([live, wrong], answers)) == 1


def test_a_caller_is_answered_by_green_at_every_larger_share() -> None:
    ledger = Ledger(slow_s=1)
    moved = []
    for number, (share, deployment) in enumerate([(10, "blue"), (25, "green"), (25, "green"), (50, "blue")]):
        ledger.begin_epoch(Epoch(frozenset(), green_share=share))
        moved.append(not ledger.has_stayed(replace(ask(ledger, str(number)), caller="c"), deployment))
    assert moved == [False, False, False, True]


def test_who_is_named_has_to_answer() -> None:
    ledger = Ledger(slow_s=1)
    ledger.begin_epoch(build_epoch(FIRST))
    version = FIRST.versions["green"]
    named = replace(ask(ledger, "a"), named="green")
    assert ledger.is_right(named, "green", version)
    assert not ledger.is_right(named, "blue", version)
    assert not ledger.is_right(ask(ledger, "b"), "green", version)


def test_a_kept_connection_that_ends_without_a_word_is_found_unless_its_envoy_was_killed() -> None:
    ledger = Ledger(slow_s=1)
    ledger.faults.append(Fault("gateway killed", 5.0, lambda _: False, in_hand=1, ended_at=6.0, cuts=True))
    for last_used_at, now in ((1.0, 2.0), (4.0, 9.0), (7.0, 8.0)):
        ledger.note_cut("h1-0", last_used_at, now)
    assert [words.split(" ")[0] for words in ledger.cut] == ["2.0", "8.0"]


def count_requests(live: int, mirrored: int = 0, dropped: int = 0) -> dict[str, int]:
    return {"live": live, "mirrored": mirrored, "mirror_dropped": dropped, "mirror_skipped": 0}


def look(blue: dict[str, int], green: dict[str, int], copies: int = 0, open: frozenset[str] = frozenset()) -> Look:
    return Look(0.0, 0, open, {"blue": blue, "green": green}, {"green": copies})


def answer_by(name: str, times: int, *, named: bool = False) -> list[RightAnswer]:
    return [RightAnswer(name, "id", frozenset(), named, 0.0)] * times


def test_shares_and_totals_are_compared_to_the_request() -> None:
    divided = replace(FIRST, traffic={"blue": 90, "green": 10})
    before = look(count_requests(100), count_requests(5))
    answers = answer_by("blue", 360) + answer_by("green", 40) + answer_by("green", 20, named=True)
    after = look(count_requests(460), count_requests(65))
    assert list(find_miscounted(divided, before, after, answers, play=2)) == []
    shifted = replace(FIRST, traffic={"blue": 88, "green": 12})
    assert len(list(find_miscounted(shifted, before, after, answers, play=2))) == 2
    assert list(find_miscounted(replace(shifted, sticky=True), before, after, answers, play=2)) == []
    lost = look(count_requests(459), count_requests(65))
    assert list(find_miscounted(divided, before, lost, answers, play=2)) == ["blue answered 360; `show` counts 359"]


def test_copies_are_compared_with_their_share_and_with_what_instances_noted() -> None:
    mirrored = replace(FIRST, mirror={"green": 25})
    before = look(count_requests(0), count_requests(0))

    def compare(copies: dict[str, int], noted: int) -> int:
        after = look(count_requests(400), copies, noted)
        return len(list(find_miscounted(mirrored, before, after, answer_by("blue", 400), play=2)))

    assert compare(count_requests(0, 90, dropped=10), 90) == 0
    assert compare(count_requests(0, 90, dropped=10), 91) == 1
    assert compare(count_requests(0, 90), 90) == 1
    assert compare(count_requests(90, 90, dropped=10), 90) == 1


def test_totals_that_begin_again_are_found() -> None:
    before, after = look(count_requests(100), count_requests(0)), look(count_requests(40), count_requests(0))
    assert list(find_forgotten(before, after, answer_by("blue", 30))) == [
        "blue has answered 30 requests since the last count; `show` counts -60"
    ]
    assert list(find_forgotten(before, look(count_requests(131), count_requests(0)), answer_by("blue", 30))) == []


def test_what_is_in_hand_when_an_instance_of_an_idempotent_endpoint_dies_may_be_repeated() -> None:
    ledger = Ledger(slow_s=1)
    ledger.begin_epoch(Epoch(frozenset()))
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
    ledger.begin_epoch(build_epoch(FIRST))
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


def soak_planted(folder: Path, fault: str, kind: Kind, steps: int, *, then: Kind | None = None) -> Ledger:
    schedule = build_schedule(1, steps, frozenset({kind}), longest_pause_s=0.2)
    if then is not None:
        last = schedule[-1]
        schedule += (replace(last, kind=then, before=last.after),)
    plan = Plan(schedule=schedule, seed=1, seconds=60, largest_bytes=MIB, longest_stream_s=1)
    return run_soak(plan, folder, start=partial(start_planted, fault)).ledger


def start_planted(fault: str, server: TealServer) -> None:
    """This server now, and at every start that follows."""
    assert fault in planted_server.FAULTS
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    server.environ["PYTHONPATH"] = os.pathsep.join(paths)
    server.up_words = ("-m", "tests.harness.planted_server", fault)
    server.up()
