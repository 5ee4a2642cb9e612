"""Scripts that misuse the process they are in: what they did is their own request's affair."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.harness.scoring import Scoring, Start, ready, scoring_servers


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Start]:
    with scoring_servers(tmp_path) as start:
        yield ready(start)


def score(scoring: Scoring, body: str) -> httpx.Response:
    return httpx.post(f"{scoring.url}/score", content=body, headers={"content-type": "text/plain"}, timeout=30)


def test_an_unkind_run_fails_alone_and_the_server_goes_on(serve: Start) -> None:
    scoring = serve("unkind.py")
    assert score(scoring, "nameless").status_code == 500
    for what, answer in (
        ("log", "logged"),
        ("fork", "parent"),
        ("terminate", "-15"),
        ("threads", "started"),
        ("loop", "looped"),
        ("close", "closed"),
    ):
        assert score(scoring, what).json() == answer
        assert score(scoring, "well").json() == "well"
    assert "Nameless: <exception str() failed>" in scoring.process.output
    scoring.process.terminate()
    assert scoring.process.wait() == 0
    assert scoring.process.output.count("atexit function ran") == 1


def test_a_script_that_took_the_alarm_for_itself_is_not_ended_by_ours(serve: Start) -> None:
    scoring = serve("unkind.py", SCORING_TIMEOUT_MS="200")
    assert score(scoring, "alarm").json() == {"message": "Scoring timeout after 200 ms"}
    assert score(scoring, "well").json() == "well"
    assert "its thread is left behind" in scoring.process.output
