"""What protects the model: limits, deadlines, clients that leave, and run() as a coroutine."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.harness.ports import free_port
from tests.harness.scoring import BEHIND_GATEWAY, JSON, SCRIPTS, Scoring, Start, ready, scoring_servers
from tests.harness.waiting import wait_until, wait_until_sync


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with scoring_servers(tmp_path) as start:
        yield ready(start)


def send(scoring: Scoring, **asked: object) -> asyncio.Task[httpx.Response]:
    async def post() -> httpx.Response:
        async with httpx.AsyncClient(timeout=30) as client:
            return await client.post(f"{scoring.url}/score", json=asked)

    return asyncio.create_task(post())


async def test_a_client_that_leaves_while_it_waits_frees_its_place(start: Start) -> None:
    scoring = start("behave.py")
    busy = send(scoring, do="sleep", s=3)
    await wait_until(lambda: "asleep" in scoring.process.output)
    body = json.dumps({"do": "print", "what": "for nobody"}).encode()
    waiting = scoring.connect()
    waiting.sendall(b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    await wait_until(lambda: scoring.count("in_hand") == 2)
    assert scoring.score({"do": "echo"}).status_code == 429
    waiting.close()
    await wait_until(lambda: scoring.count("client_gone") == 1)
    after = send(scoring, do="echo")
    assert not busy.done()
    assert (await after).status_code == 200
    assert (await busy).status_code == 200
    assert "for nobody" not in scoring.process.output
    assert "POST /score 499" in scoring.process.output


async def test_what_never_ran_is_counted_by_reason(start: Start) -> None:
    scoring = start("behave.py")
    busy = send(scoring, do="sleep", s=3)
    await wait_until(lambda: "asleep" in scoring.process.output)
    headers = {"x-envoy-expected-rq-timeout-ms": "50", **BEHIND_GATEWAY}
    late = asyncio.create_task(asyncio.to_thread(scoring.score, {"do": "echo"}, headers))
    await wait_until(lambda: scoring.count("in_hand") == 2)
    assert scoring.score({"do": "echo"}).status_code == 429
    await busy
    assert (await late).status_code == 408
    assert scoring.count("deadline_passed") == 1
    assert scoring.count("queue_full") == 1


def test_a_run_ends_when_the_clients_time_is_over(start: Start) -> None:
    scoring = start("behave.py")
    answer = scoring.score({"do": "sleep", "s": 60}, {"x-envoy-expected-rq-timeout-ms": "300", **BEHIND_GATEWAY})
    assert answer.status_code == 408
    assert answer.json()["error"]["code"] == "ScoringTimeout"
    assert scoring.score({"do": "thread"}).json() == {"same_as_init": True}
    assert scoring.count("timed_out") == 1


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_comes_slowly_takes_nothing_from_its_requests_time(start: Start, announced: bool) -> None:
    body = json.dumps({"do": "echo"}).encode()

    def send_slowly() -> Iterator[bytes]:
        for at in range(0, len(body), 3):
            time.sleep(0.1)
            yield body[at : at + 3]

    headers = {"x-envoy-expected-rq-timeout-ms": "250", **BEHIND_GATEWAY}
    if announced:
        headers["content-length"] = str(len(body))
    scoring = start("behave.py")
    answer = httpx.post(f"{scoring.url}/score", content=send_slowly(), headers=headers)
    assert answer.status_code == 200, answer.text


def test_a_time_that_is_no_number_is_no_deadline(start: Start) -> None:
    answer = start("behave.py").score({"do": "echo"}, {"x-envoy-expected-rq-timeout-ms": "soon", **JSON})
    assert answer.status_code == 200


async def test_quick_requests_one_after_the_other_need_no_second_thread(start: Start) -> None:
    scoring = start("behave.py", TEAL_MAX_CONCURRENT="8")
    async with httpx.AsyncClient(base_url=scoring.url, timeout=30) as client:
        for _ in range(20):
            assert (await client.post("/score", json={"do": "thread"})).json() == {"same_as_init": True}


# A run() that is a coroutine


async def test_coroutines_run_at_once_up_to_the_limit_on_one_loop(start: Start) -> None:
    scoring = start("async_run.py", TEAL_MAX_CONCURRENT="3")
    assert scoring.score({"do": "same_loop"}).json() is True
    answers = await asyncio.gather(*(send(scoring, do="wait", s=0.5) for _ in range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6
    assert scoring.score({"do": "most"}).json() == 3


async def test_a_coroutine_over_its_time_is_cancelled(start: Start) -> None:
    scoring = start("async_run.py", SCORING_TIMEOUT_MS="300")
    assert scoring.score({"do": "wait", "s": 60}).json() == {"message": "Scoring timeout after 300 ms"}
    assert scoring.score({"do": "wait", "s": 0}).json() == {"most": 1}


def test_a_coroutine_that_blocks_its_loop_is_interrupted(start: Start) -> None:
    scoring = start("async_run.py", SCORING_TIMEOUT_MS="300")
    assert scoring.score({"do": "block", "s": 60}).status_code == 500
    assert scoring.score({"do": "same_loop"}).json() is True


def test_a_coroutine_that_raises_is_an_error(start: Start) -> None:
    scoring = start("async_run.py")
    assert scoring.score({"do": "raises"}, BEHIND_GATEWAY).status_code == 424
    assert "LookupError: no" in scoring.process.output
    assert scoring.score({"do": "response"}).text == "ab"


def test_an_asynchronous_generator_is_streamed(start: Start) -> None:
    scoring = start("async_stream.py")
    answer = httpx.post(f"{scoring.url}/score", content="one two three")
    assert (answer.text, answer.headers["content-type"]) == ("one two three ", "text/plain; charset=utf-8")
    assert httpx.post(f"{scoring.url}/score", content="fail").status_code == 500
    assert scoring.score_until_cut(b"one fail two") == "one "
    wait_until_sync(lambda: scoring.process.output.count("closed") == 3)


async def test_coroutines_in_hand_are_answered_after_sigterm(start: Start) -> None:
    scoring = start("async_run.py", TEAL_MAX_CONCURRENT="2")
    answers = [send(scoring, do="wait", s=1) for _ in range(2)]
    await wait_until(lambda: scoring.process.output.count("waiting") == 2)
    scoring.process.terminate()
    assert [answer.status_code for answer in await asyncio.gather(*answers)] == [200, 200]
    assert scoring.process.wait() == 0


# Around it


def test_probes_have_a_port_of_their_own_when_asked_for(start: Start) -> None:
    port = free_port()
    scoring = start("text_only.py", "--health_port", str(port), SEPERATE_HEALTH_ENDPOINT="true")
    assert httpx.get(f"http://127.0.0.1:{port}/").text == "Healthy"
    assert httpx.get(f"{scoring.url}/").text == "Healthy"
    scoring.process.terminate()
    assert scoring.process.wait() == 0


def test_a_logging_file_replaces_the_log_configuration(start: Start) -> None:
    scoring = start("score.py", AML_APP_ROOT=str(SCRIPTS / "own_logging"))
    scoring.score({"do": "print", "what": "this"})
    wait_until_sync(lambda: "MINE azmlinfsrv POST /score 200" in scoring.process.output)
    assert "MINE azmlinfsrv.print run says this" in scoring.process.output
