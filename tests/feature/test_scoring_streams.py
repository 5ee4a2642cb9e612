"""Answers that come piece by piece, and bodies that are not text."""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.harness.scoring import BEHIND_GATEWAY, Scoring, Start, ready, scoring_servers
from tests.harness.waiting import wait_until, wait_until_sync


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    with scoring_servers(tmp_path_factory.mktemp("scoring")) as start:
        yield ready(start)


@pytest.fixture(scope="module")
def streams(start: Start) -> Scoring:
    return start("streams.py", TEAL_MAX_CONCURRENT="4", SCORING_TIMEOUT_MS="1000")


def ask(scoring: Scoring, headers: dict[str, str] | None = None, **asked: Any) -> httpx.Response:
    return httpx.post(f"{scoring.url}/score", json=asked, headers=headers, timeout=30)


@pytest.mark.parametrize(
    ("how", "content_type", "body"),
    [
        ("text", "text/plain; charset=utf-8", b"piece 0\npiece 1\npiece 2\n"),
        ("lines", "application/x-ndjson", b'{"number": 0}\n{"number": 1}\n{"number": 2}\n'),
        ("octets", "application/octet-stream", b"\x00\x01\x02"),
        ("response", "text/event-stream", b"piece 0\npiece 1\npiece 2\n"),
        ("asynchronous", "text/plain; charset=utf-8", b"async 0\nasync 1\nasync 2\n"),
    ],
)
def test_a_generator_is_sent_piece_by_piece(streams: Scoring, how: str, content_type: str, body: bytes) -> None:
    answer = ask(streams, how=how)
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, content_type, body)
    assert answer.headers["transfer-encoding"] == "chunked"
    assert float(answer.headers["x-ms-run-fn-exec-ms"]) >= 0
    assert len(answer.headers["x-request-id"]) == 36


def test_text_is_sent_as_events_to_a_client_that_asks_for_events(streams: Scoring) -> None:
    answer = ask(streams, {"accept": "text/event-stream"}, how="text")
    assert answer.headers["content-type"] == "text/event-stream"


def test_a_coroutine_that_a_plain_run_returns_is_awaited(streams: Scoring) -> None:
    assert ask(streams, how="awaited").json() == {"awaited": True}


def test_a_generator_without_pieces_is_an_empty_answer(streams: Scoring) -> None:
    answer = ask(streams, how="nothing")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_generator_that_fails_before_its_first_piece_is_an_error(streams: Scoring) -> None:
    assert ask(streams, how="fails_at_once").status_code == 500
    behind = ask(streams, BEHIND_GATEWAY, how="fails_at_once")
    assert (behind.status_code, behind.json()["error"]["code"]) == (424, "UserScriptException")


def test_a_generator_that_fails_later_cuts_the_answer_off_and_is_logged(streams: Scoring) -> None:
    assert streams.score_until_cut(b'{"how": "fails_later"}') == "one"
    assert streams.score_until_cut(b'{"how": "fails_later"}', BEHIND_GATEWAY) == "one"
    assert "ValueError: after the first piece" in streams.process.output


def test_a_streamed_answer_that_is_no_success_is_424_behind_the_gateway(streams: Scoring) -> None:
    behind = ask(streams, BEHIND_GATEWAY, how="response", status=503)
    assert behind.status_code == 424
    assert behind.headers["ms-azureml-model-error-statuscode"] == "503"
    assert behind.text == "piece 0\npiece 1\npiece 2\n"


async def test_pieces_arrive_while_the_next_are_made(streams: Scoring) -> None:
    async with streaming(streams, how="paced", count=3, pause_s=0.3, name="arriving") as pieces:
        assert await anext(pieces) == b"data: 0\n\n"
        assert "ended arriving" not in streams.process.output
        assert [piece async for piece in pieces] == [b"data: 1\n\n", b"data: 2\n\n"]


async def test_a_client_that_leaves_ends_the_generator(streams: Scoring) -> None:
    async with streaming(streams, how="paced", count=1000, pause_s=0.05, name="left") as pieces:
        await anext(pieces)
    await wait_until(lambda: "ended left" in streams.process.output)


async def test_a_generator_waits_for_a_slow_client(streams: Scoring) -> None:
    async with streaming(streams, how="large", count=200, size=1_000_000) as pieces:
        await anext(pieces)
        await wait_until(lambda: "made 16" in streams.process.output)
        made = streams.process.output.count("made ")
        rest = sum([len(piece) async for piece in pieces])
    assert made < 100
    assert rest > 100_000_000


def test_the_time_limit_is_between_pieces_not_for_all_of_them(streams: Scoring) -> None:
    answer = ask(streams, how="paced", count=8, pause_s=0.2)
    assert answer.text.endswith("data: 7\n\n")
    stuck = b'{"how": "paced", "count": 2, "pause_s": 30, "name": "stuck"}'
    assert streams.score_until_cut(stuck) == "data: 0\n\n"
    assert "no further piece of its answer within its time" in streams.process.output


async def test_a_streamed_answer_in_progress_survives_the_stop(start: Start) -> None:
    scoring = start("streams.py")
    async with streaming(scoring, how="paced", count=5, pause_s=0.2) as pieces:
        await anext(pieces)
        scoring.process.terminate()
        assert [piece async for piece in pieces][-1] == b"data: 4\n\n"
    assert scoring.process.wait() == 0


def test_a_streamed_answers_length_is_not_in_its_log_line(streams: Scoring) -> None:
    ask(streams, how="text")
    wait_until_sync(lambda: "ms N/A" in streams.process.output)


# Bodies


def test_binary_bodies_pass_both_ways_unchanged(start: Start) -> None:
    data = os.urandom(5_000_000)
    answer = httpx.post(f"{start('binary.py').url}/score", content=data, timeout=30)
    assert answer.content == data
    assert answer.headers["content-type"] == "application/octet-stream"


def test_a_body_sent_in_chunks_arrives_whole(start: Start) -> None:
    pieces = [os.urandom(100_000) for _ in range(20)]
    answer = httpx.post(f"{start('binary.py').url}/score?what=digest", content=iter(pieces), timeout=30)
    assert answer.json() == {"length": 2_000_000, "sha256": hashlib.sha256(b"".join(pieces)).hexdigest()}


def test_a_body_that_breaks_off_never_runs(start: Start) -> None:
    scoring = start("text_only.py")
    head = b"POST /score HTTP/1.1\r\nHost: x\r\n"
    with scoring.connect() as client:
        client.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nno chunk\r\n")
        assert b"400 Bad Request" in client.recv(1000)
    for gone, length in ((1, 10), (2, 3_000_000)):  # read in one step, and piece by piece
        with scoring.connect() as client:
            client.sendall(head + f"Content-Length: {length}\r\n\r\nabc".encode())
        wait_until_sync(lambda gone=gone: scoring.count("client_gone") == gone)  # type: ignore[misc]
    with scoring.connect() as client:
        client.sendall(head + b"Transfer-Encoding: chunked\r\nTrailer: x-t\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n")
        assert b"200 OK" in client.recv(1000)
    wait_until_sync(lambda: " 499 " in scoring.process.output)
    assert "Traceback" not in scoring.process.output


@pytest.mark.parametrize("in_chunks", [False, True])
def test_a_body_over_the_limit_is_413_and_never_held(start: Start, in_chunks: bool) -> None:
    scoring = start("binary.py", TEAL_MAX_BODY_BYTES="1000")
    url = f"{scoring.url}/score"
    assert httpx.post(url, content=b"x" * 1000).status_code == 200
    refused = httpx.post(url, content=iter([b"x" * 600] * 2) if in_chunks else b"x" * 1001)
    assert refused.status_code == 413
    assert refused.json()["error"]["code"] == "BodyTooLarge"


def test_large_bodies_are_let_go(start: Start) -> None:
    scoring = start("binary.py")
    process = psutil.Process(scoring.process.pid)
    before = process.memory_info().rss
    for _ in range(4):
        answer = httpx.post(f"{scoring.url}/score?what=digest", content=b"\0" * 100_000_000, timeout=60)
        assert answer.json()["length"] == 100_000_000
    # The allocator keeps some of it; what would not be let go would be 400 MB.
    wait_until_sync(lambda: process.memory_info().rss < before + 200_000_000)
    status = Path(f"/proc/{scoring.process.pid}/status")
    if status.exists():  # on Linux: the most there ever was
        most = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        assert most is not None
        assert int(most[1]) * 1024 < before + 160_000_000


# --- private


class streaming:
    """A request whose answer is read piece by piece."""

    def __init__(self, scoring: Scoring, **asked: Any) -> None:
        self._client = httpx.AsyncClient(timeout=30)
        self._answer = self._client.stream("POST", f"{scoring.url}/score", json=asked)

    async def __aenter__(self) -> AsyncIterator[bytes]:
        answer = await self._answer.__aenter__()
        return answer.aiter_raw()

    async def __aexit__(self, *error: Any) -> None:
        await self._answer.__aexit__(*error)
        await self._client.aclose()
        await asyncio.sleep(0)
