"""The scoring server as a process: a script served over real sockets, started, stopped, misused."""

import asyncio
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.harness.scoring import BEHIND_GATEWAY, JSON, Start, ready, scoring_servers
from tests.harness.waiting import wait_until, wait_until_sync


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with scoring_servers(tmp_path) as start:
        yield start


@pytest.fixture
def serve(start: Start) -> Start:
    return ready(start)


# Answering


def test_a_score_is_answered_with_the_reference_servers_headers(serve: Start) -> None:
    scoring = serve("sum_rows.py")
    answer = scoring.score({"data": [[1, 2], [3, 4]]}, {"x-ms-client-request-id": "mine", "TraceId": "t", **JSON})
    assert (answer.status_code, answer.json()) == (200, {"sums": [3, 7]})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-ms-run-function-failed"] == "False"
    assert float(answer.headers["x-ms-run-fn-exec-ms"]) >= 0
    assert answer.headers["x-ms-server-version"] == "teal-scoring/0.1.0"
    assert answer.headers["x-ms-client-request-id"] == answer.headers["x-ms-request-id"] == "mine"
    assert len(answer.headers["x-request-id"]) == 36
    assert answer.headers["traceid"] == "t"


def test_health_and_the_routes_there_are_not(serve: Start) -> None:
    scoring = serve("text_only.py")
    health = httpx.get(f"{scoring.url}/")
    assert (health.status_code, health.text) == (200, "Healthy")
    assert health.headers["content-type"].startswith("text/html")
    missing = httpx.get(f"{scoring.url}/nowhere")
    assert missing.status_code == 404
    assert set(missing.json()) == {"message"}
    refused = httpx.put(f"{scoring.url}/score", content="x")
    assert (refused.status_code, refused.json()) == (
        405,
        {"message": "The method is not allowed for the requested URL."},
    )
    assert "x-request-id" not in refused.headers
    options = httpx.options(f"{scoring.url}/score")
    assert (options.status_code, options.content) == (200, b"")
    doubled = httpx.post(f"{scoring.url}//score", content="x", headers={"content-type": "text/plain"})
    assert (doubled.status_code, doubled.json()) == (200, {"got": "x"})


def test_get_passes_the_query_and_a_form_body_is_passed_as_text(serve: Start) -> None:
    scoring = serve("text_only.py")
    got = httpx.get(f"{scoring.url}/score", params={"a": "1", "b": "x"})
    assert got.json() == {"got": '{"a": 1, "b": "x"}'}
    posted = httpx.post(f"{scoring.url}/score", data={"k": "v"})
    assert posted.json() == {"got": "k=v"}


def test_results_are_what_json_dumps_makes_of_them(serve: Start) -> None:
    scoring = serve("behave.py")
    assert scoring.score({"do": "none"}).text == "{}"
    assert scoring.score({"do": "nan"}).text == '{"value": NaN}'
    assert scoring.score({"do": "print", "what": "x"}).text == '"ok"'
    refused = scoring.score({"do": "unserialisable"})
    assert refused.status_code == 500
    assert refused.json() == {"message": "An unexpected internal error occurred. Check the logs for more info."}
    assert refused.headers["x-ms-run-function-failed"] == "False"


def test_request_headers_reach_a_run_that_asks_for_them(serve: Start) -> None:
    headers = serve("behave.py").score({"do": "headers"}, {"x-custom": "1", **JSON}).json()
    assert headers["X-Custom"] == "1"
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("what", ["raise", "exit"])
def test_a_run_that_raises_is_500_alone_and_the_reason_goes_to_the_log_only(serve: Start, what: str) -> None:
    scoring = serve("behave.py")
    answer = scoring.score({"do": what})
    assert answer.status_code == 500
    assert answer.headers["x-ms-run-function-failed"] == "True"
    assert answer.json() == {"message": "An unexpected error occurred in scoring script. Check the logs for more info."}
    assert "behave.py" in scoring.process.output
    assert "secret reason" not in answer.text
    assert scoring.score({"do": "echo"}).status_code == 200


def test_behind_the_gateway_a_models_failure_is_424(serve: Start) -> None:
    scoring = serve("behave.py")
    answer = scoring.score({"do": "raise"}, BEHIND_GATEWAY)
    assert answer.status_code == 424
    assert answer.headers["ms-azureml-model-error-statuscode"] == "500"
    assert answer.headers["ms-azureml-model-error-reason"] == "run-raised"
    assert answer.json()["error"]["code"] == "UserScriptException"
    assert answer.json()["message"] == answer.json()["error"]["message"]
    garbled = httpx.post(f"{scoring.url}/score", content=b"\xff", headers=BEHIND_GATEWAY)
    assert garbled.status_code == 424
    assert garbled.headers["ms-azureml-model-error-statuscode"] == "400"
    assert httpx.get(f"{scoring.url}/", headers=BEHIND_GATEWAY).status_code == 200


def test_a_request_id_of_over_100_characters_is_431(serve: Start) -> None:
    answer = serve("text_only.py").score("x", {"x-request-id": "x" * 101})
    assert (answer.status_code, answer.json()) == (431, {"message": "x-request-id must not exceed 100 characters"})
    assert "x-request-id" not in answer.headers


def test_only_listed_origins_are_allowed(serve: Start) -> None:
    scoring = serve("text_only.py", AML_CORS_ORIGINS="http://a.test, http://b.test")
    preflight = {"origin": "http://b.test", "access-control-request-method": "POST"}
    allowed = httpx.options(f"{scoring.url}/score", headers=preflight)
    assert allowed.headers["access-control-allow-origin"] == "http://b.test"
    assert allowed.headers["access-control-allow-methods"] == "GET, POST"
    other = httpx.post(f"{scoring.url}/score", content="x", headers={"origin": "http://c.test"})
    assert "access-control-allow-origin" not in other.headers


def test_a_body_of_100_mb_arrives_whole(serve: Start) -> None:
    answer = serve("behave.py").score({"do": "length", "text": "x" * 100_000_000})
    assert answer.json() == 100_000_000


def test_http2_is_spoken_without_tls(serve: Start) -> None:
    scoring = serve("sum_rows.py")
    with httpx.Client(http1=False, http2=True) as client:
        answer = client.post(f"{scoring.url}/score", json={"data": [[1]]})
    assert (answer.http_version, answer.json()) == ("HTTP/2", {"sums": [1]})


def test_the_log_has_the_reference_servers_form(serve: Start) -> None:
    scoring = serve("behave.py")
    scoring.score({"do": "print", "what": "this"})
    scoring.process.terminate()
    scoring.process.wait()
    stamp, number = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", rf"\[{scoring.process.pid}\]"
    lines = scoring.process.output
    for pattern in (
        rf"(?m)^{stamp} I {number} azmlinfsrv\.print - init says hello$",
        rf"(?m)^{stamp} I {number} azmlinfsrv\.print - run says this$",
        rf"(?m)^{stamp} I {number} azmlinfsrv - POST /score 200 \d+\.\d{{3}}ms 4$",
        r"(?m)^INFO:root:init logs this$",
        r"(?m)run logs this$",
    ):
        assert len(re.findall(pattern, lines)) == 1, (pattern, lines)


# How many at once, and for how long


def test_init_and_run_share_the_main_thread(serve: Start) -> None:
    assert serve("behave.py").score({"do": "thread"}).json() == {"same_as_init": True}


async def test_one_runs_one_waits_and_the_next_is_refused(serve: Start) -> None:
    scoring = serve("behave.py")
    async with httpx.AsyncClient(base_url=scoring.url, timeout=30) as client:
        first = asyncio.create_task(client.post("/score", json={"do": "sleep", "s": 1.5, "name": "first"}))
        await wait_until(lambda: "asleep first" in scoring.process.output)
        others = [asyncio.create_task(client.post("/score", json={"do": "echo"})) for _ in range(3)]
        done = sorted(answer.status_code for answer in await asyncio.gather(first, *others))
        assert done == [200, 200, 429, 429]
        assert (await client.get("/")).text == "Healthy"
        refused = next(task.result() for task in others if task.result().status_code == 429)
    assert "max_concurrent_requests_per_instance" in refused.json()["error"]["message"]


async def test_probes_are_answered_while_run_is_busy(serve: Start) -> None:
    scoring = serve("behave.py")
    async with httpx.AsyncClient(base_url=scoring.url, timeout=30) as client:
        busy = asyncio.create_task(client.post("/score", json={"do": "sleep", "s": 1}))
        await wait_until(lambda: "asleep" in scoring.process.output)
        assert (await client.get("/")).status_code == 200
        assert not busy.done()
        assert (await busy).status_code == 200


async def test_as_many_run_at_once_as_the_limit_says(serve: Start) -> None:
    scoring = serve("behave.py", TEAL_MAX_CONCURRENT="3")
    async with httpx.AsyncClient(base_url=scoring.url, timeout=30) as client:
        names = ["one", "two", "three"]
        runs = [asyncio.create_task(client.post("/score", json={"do": "sleep", "s": 3, "name": n})) for n in names]
        await wait_until(lambda: all(f"asleep {name}" in scoring.process.output for name in names))
        assert not any(run.done() for run in runs)
        assert [answer.status_code for answer in await asyncio.gather(*runs)] == [200, 200, 200]


async def test_a_request_whose_time_is_over_before_its_turn_is_408_and_never_runs(serve: Start) -> None:
    scoring = serve("behave.py")
    async with httpx.AsyncClient(base_url=scoring.url, timeout=30) as client:
        busy = asyncio.create_task(client.post("/score", json={"do": "sleep", "s": 1}))
        await wait_until(lambda: "asleep" in scoring.process.output)
        headers = {"x-envoy-expected-rq-timeout-ms": "50", **BEHIND_GATEWAY}
        late = await client.post("/score", json={"do": "print", "what": "too late"}, headers=headers)
        await busy
    assert late.status_code == 408
    assert late.json()["error"]["code"] == "RequestTimeout"
    assert "too late" not in scoring.process.output


def test_a_run_over_its_time_is_interrupted_and_the_thread_goes_on(serve: Start) -> None:
    scoring = serve("behave.py", SCORING_TIMEOUT_MS="300")
    answer = scoring.score({"do": "sleep", "s": 60})
    assert (answer.status_code, answer.json()) == (500, {"message": "Scoring timeout after 300 ms"})
    assert answer.headers["x-ms-run-function-failed"] == "True"
    assert scoring.score({"do": "thread"}).json() == {"same_as_init": True}
    gateway = scoring.score({"do": "sleep", "s": 60}, BEHIND_GATEWAY)
    assert gateway.status_code == 408
    assert gateway.headers["ms-azureml-model-error-reason"] == "scoring-timeout"


def test_a_thread_that_cannot_be_interrupted_is_replaced(serve: Start) -> None:
    scoring = serve("behave.py", SCORING_TIMEOUT_MS="300")
    assert scoring.score({"do": "hang", "s": 300}).status_code == 500
    assert scoring.score({"do": "thread"}).json() == {"same_as_init": False}
    assert "its thread is left behind, another takes over" in scoring.process.output
    scoring.process.terminate()
    assert scoring.process.wait() == 0


def test_workers_answer_on_one_port_and_stop_together(serve: Start) -> None:
    scoring = serve("sum_rows.py", WORKER_COUNT="2", TEAL_MAX_CONCURRENT="2")
    assert [phase["name"] for phase in scoring.report["phases"]] == ["importing", "initialising", "ready"]
    assert scoring.score({"data": [[1]]}).json() == {"sums": [1]}
    assert scoring.process.output.count("Found user script") == 2
    scoring.process.terminate()
    assert scoring.process.wait() == 0


def test_a_worker_that_dies_is_replaced(serve: Start) -> None:
    scoring = serve("sum_rows.py", WORKER_COUNT="2", TEAL_MAX_CONCURRENT="2")
    line = next(line for line in scoring.process.output.splitlines() if "Found user script" in line)
    os.kill(int(line.partition("[")[2].partition("]")[0]), signal.SIGKILL)
    wait_until_sync(lambda: scoring.process.output.count("init has completed") == 3)
    assert scoring.score({"data": [[1]]}).json() == {"sums": [1]}


# Starting


def test_nobody_is_answered_before_init_is_done(start: Start) -> None:
    scoring = start("slow_init.py", INIT_S="1")
    scoring.await_phase("initialising")
    with pytest.raises(ConnectionRefusedError):
        scoring.connect()
    scoring.await_phase("ready")
    assert httpx.get(f"{scoring.url}/").text == "Healthy"
    times = [phase["started_at"] for phase in scoring.report["phases"]]
    assert times == sorted(times)


def test_a_stop_during_init_is_prompt(start: Start) -> None:
    scoring = start("slow_init.py", INIT_S="600")
    scoring.await_phase("initialising")
    scoring.process.terminate()
    assert scoring.process.wait(within_s=5) == -signal.SIGTERM


def test_bad_arguments_exit_with_1(start: Start) -> None:
    scoring = start("text_only.py", "--no-such-option")
    assert scoring.process.wait() == 1
    assert "BadArguments" in scoring.process.output


# Stopping


async def test_every_request_in_hand_is_answered_after_sigterm(serve: Start) -> None:
    scoring = serve("behave.py")
    async with httpx.AsyncClient(base_url=scoring.url, timeout=30) as client:
        await client.get("/")  # the connection is kept alive and used again
        running = asyncio.create_task(client.post("/score", json={"do": "sleep", "s": 1}))
        await wait_until(lambda: "asleep" in scoring.process.output)
        queued = asyncio.create_task(client.post("/score", json={"do": "echo"}))
        half = scoring.connect()
        half.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
        probe = await client.get("/")
        assert probe.status_code == 200
        scoring.process.terminate()
        await wait_until(lambda: "Stopping: " in scoring.process.output)
        half.sendall(b"cd")
        assert (await running).json()["s"] == 1
        assert (await queued).status_code == 200
        assert running.result().headers["connection"] == "close"
    assert half.recv(4096).startswith(b"HTTP/1.1 200 OK")
    half.close()
    assert scoring.process.wait() == 0
    with pytest.raises(ConnectionRefusedError):
        scoring.connect()


def test_an_idle_connection_does_not_hold_up_the_stop(serve: Start) -> None:
    scoring = serve("text_only.py")
    with scoring.connect() as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(4096).startswith(b"HTTP/1.1 200 OK")
        scoring.process.terminate()
        assert scoring.process.wait() == 0
        assert idle.recv(4096) == b""


def test_a_request_over_the_grace_time_does_not_hold_up_the_stop(serve: Start) -> None:
    scoring = serve("behave.py", TEAL_STOP_GRACE_S="0.3")
    with scoring.connect() as connection:
        body = b'{"do": "hang", "s": 600}'
        connection.sendall(b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        wait_until_sync(lambda: "hanging" in scoring.process.output)
        scoring.process.terminate()
        assert scoring.process.wait() == 0
    assert "1 requests were not answered within 0.3 s" in scoring.process.output


def test_a_file_of_the_user_named_like_a_library_hides_nothing(start: Start, tmp_path: Path) -> None:
    (tmp_path / "orjson.py").write_text("raise RuntimeError('hides the library')")
    (tmp_path / "score.py").write_text("def init(): pass\ndef run(data): return data\n")
    scoring = start("score.py", AML_APP_ROOT=str(tmp_path))
    scoring.await_phase("ready")
    assert scoring.score(1).json() == "1"
