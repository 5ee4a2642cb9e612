"""What the demo's client takes for a right answer, and which requests a step's sample holds."""

import json

import pytest

from examples.demo.answers import Answer, Question, Sample, assess_answer
from examples.demo.rows import Shadow, assess_split, build_row

QUESTION = Question(b"{}", {"blue": 151.5, "green": 149.25})


def test_the_value_of_the_deployment_that_says_it_answered_is_right() -> None:
    assert assess_answer(QUESTION, 200, "blue", predictions(151.5)) is None
    assert assess_answer(QUESTION, 200, "green", predictions(149.25)) is None


def test_the_value_of_the_other_deployment_is_a_failure() -> None:
    assert "its model says 149.25" in str(assess_answer(QUESTION, 200, "green", predictions(151.5)))


@pytest.mark.parametrize(
    ("status", "deployment", "body"),
    [
        (503, "blue", b"no healthy upstream"),
        (200, None, b'{"predictions": [151.5]}'),
        (200, "red", b'{"predictions": [151.5]}'),
        (200, "blue", b"not json"),
        (200, "blue", b"[151.5]"),
        (200, "blue", b'{"predictions": "151.5"}'),
        (200, "blue", b'{"predictions": []}'),
        (200, "blue", b'{"predictions": [151.5, 151.5]}'),
    ],
)
def test_anything_else_is_a_failure(status: int, deployment: str | None, body: bytes) -> None:
    assert assess_answer(QUESTION, status, deployment, body)


def test_a_sample_gives_out_exactly_its_places() -> None:
    sample = Sample(3)
    assert [sample.take() for _ in range(5)] == [True, True, True, False, False]
    assert not sample.is_complete
    sample.answers += [Answer("blue", 0.01, None)] * 3
    assert sample.is_complete


def test_percentiles_are_answers_that_were_seen() -> None:
    sample = Sample(100, answers=[Answer("blue", number / 1000, None) for number in range(1, 101)])
    assert sample.percentile_ms(50) == pytest.approx(50)
    assert sample.percentile_ms(99) == pytest.approx(99)
    assert Sample(1, answers=[Answer("blue", 0.007, None)]).percentile_ms(99) == pytest.approx(7)


def test_an_answer_by_a_deployment_without_traffic_breaks_the_split() -> None:
    sample = sample_of(blue=499, green=1)
    assert assess_split({"blue": 100}, sample)
    assert assess_split({"blue": 100, "green": 0}, sample)
    assert not assess_split({"blue": 100, "green": 0}, sample_of(blue=500))


def test_a_failed_request_breaks_an_exact_split() -> None:
    sample = sample_of(blue=499)
    sample.answers.append(Answer(None, 1.0, "no answer"))
    assert assess_split({"blue": 100}, sample)


def test_a_row_names_split_and_shadow_copies_outside_their_bounds() -> None:
    row = build_row("step", {"blue": 90, "green": 10}, sample_of(blue=1500, green=500), 0, Shadow(0, 10, 2000))
    assert len(row.problems) == 3
    assert not row.is_good
    assert build_row("step", {"blue": 100}, sample_of(blue=2000), 0, Shadow(203, 10, 2000)).is_good


# --- private


def predictions(*numbers: float) -> bytes:
    return json.dumps({"predictions": numbers, "model": "any"}).encode()


def sample_of(**answered: int) -> Sample:
    answers = [Answer(name, 0.001, None) for name, count in answered.items() for _ in range(count)]
    return Sample(len(answers), taken=len(answers), answers=answers)
