"""Captured records, from exchanges as the server makes them to lines in a file or at a socket."""

import json
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from teal_scoring.answers import answer_result
from teal_scoring.capture import Capture
from teal_scoring.capture_sinks import FileSink, Sink, SocketSink, open_sink
from teal_scoring.exchange import Exchange
from teal_scoring.inputs import ScoreRequest


class Held:
    """A sink that takes nothing until it is let."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.takes = threading.Event()

    def write(self, lines: bytes) -> bool:
        self.takes.wait(10)
        self.lines += lines.splitlines()
        return True

    def close(self) -> None:
        pass


class Scope:
    method = "POST"
    path = "/score"
    query_string = ""


def offer(capture: Capture, request_id: str = "r", body: bytes = b"{}", answer: bytes = b"[1]", **headers: str) -> None:
    view: Any = {name.replace("_", "-"): value for name, value in headers.items()}
    app: Any = None
    exchange = Exchange(app, None, Scope(), view, time.monotonic())
    exchange.ids = [("x-request-id", request_id), ("x-ms-client-request-id", "c")]
    exchange.submitted_at = exchange.arrived + 0.001
    capture.offer(exchange, ScoreRequest("POST", "", view, body), answer_result(answer, 1.5), 200)


def build(sink: Sink, **changes: Any) -> Capture:
    settings: dict[str, Any] = {
        "deployment": "blue",
        "sample_rate": 1.0,
        "max_body_bytes": 100,
        "max_queue_bytes": 1_000_000,
        **changes,
    }
    return Capture(sink, **settings)


@pytest.fixture
def held() -> Iterator[Held]:
    sink = Held()
    yield sink
    sink.takes.set()


def record(sink: Held, capture: Capture) -> dict[str, Any]:
    sink.takes.set()
    capture.start()
    capture.stop()
    (line,) = sink.lines
    document: dict[str, Any] = json.loads(line)
    return document


def test_a_record_joins_request_answer_and_timings(held: Held) -> None:
    capture = build(held)
    offer(capture, "id-1", b'{"a": 1}', content_type="application/json", x_mirrored="1")
    seen = record(held, capture)
    assert time.time() - 60 < seen.pop("time") < time.time() + 60
    timings = seen.pop("timings")
    assert timings["run_ms"] == 1.5
    assert 0 <= timings["receive_ms"] <= timings["total_ms"] + 1
    assert seen == {
        "v": 1,
        "request_id": "id-1",
        "client_request_id": "c",
        "deployment": "blue",
        "mirrored": True,
        "request": {
            "method": "POST",
            "query": "",
            "content_type": "application/json",
            "length": 8,
            "body": '{"a": 1}',
            "encoding": "utf-8",
            "truncated": False,
        },
        "answer": {
            "status": 200,
            "model_status": 200,
            "content_type": "application/json",
            "length": 3,
            "streamed": False,
            "body": "[1]",
            "encoding": "utf-8",
            "truncated": False,
        },
    }


@pytest.mark.parametrize(
    ("body", "kept", "encoding", "truncated"),
    [
        (b"\xff\x00", "/wA=", "base64", False),
        (b"x" * 101, "x" * 100, "utf-8", True),
        (b"x" * 99 + "ä".encode(), "x" * 99, "utf-8", True),
        (b"", "", "utf-8", False),
    ],
)
def test_bodies_are_text_or_base64_and_cut_at_the_limit(
    held: Held, body: bytes, kept: str, encoding: str, truncated: bool
) -> None:
    capture = build(held)
    offer(capture, body=body)
    request = record(held, capture)["request"]
    assert (request["body"], request["encoding"], request["truncated"]) == (kept, encoding, truncated)
    assert request["length"] == len(body)


def test_the_request_id_decides_so_that_live_and_shadow_sample_the_same(held: Held) -> None:
    ids = [f"request-{number}" for number in range(2000)]
    captures = [build(held, sample_rate=0.25, max_queue_bytes=10**9) for _ in range(2)]
    for capture in captures:
        for one in ids:
            offer(capture, one)
    first, second = ([json.loads(line)["request_id"] for line in capture._queue] for capture in captures)
    assert first == second == [one for one in ids if zlib.crc32(one.encode()) < 2**30]
    assert 400 < len(first) < 600


def test_what_does_not_fit_the_queue_is_dropped_and_counted(held: Held) -> None:
    capture = build(held, max_queue_bytes=1500)
    for _ in range(10):
        offer(capture)
    assert capture.dropped == 6
    held.takes.set()
    capture.start()
    capture.stop()
    assert (capture.written, len(held.lines)) == (4, 4)
    offer(capture)
    assert capture.dropped == 6


def test_a_file_that_is_full_is_renamed_and_a_new_one_begun(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    sink = FileSink(path, max_bytes=10)
    for line in (b"first line\n", b"second line\n", b"third line\n"):
        assert sink.write(line)
    sink.close()
    assert (path.read_bytes(), (tmp_path / "records.jsonl.1").read_bytes()) == (b"third line\n", b"second line\n")
    assert path.stat().st_mode & 0o777 == 0o600


def test_two_workers_may_write_to_one_file_that_one_of_them_renames(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    one, other = FileSink(path, max_bytes=5), FileSink(path, max_bytes=5)
    assert one.write(b"one\n")
    assert other.write(b"other\n")
    assert one.write(b"after\n")
    assert other.write(b"last\n")
    assert (path.parent / "records.jsonl.1").read_bytes() + path.read_bytes() in {
        b"one\nother\nafter\nlast\n",
        b"after\nlast\n",
    }


def test_a_file_that_cannot_be_written_loses_records_and_nothing_else(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "no such folder" / "records", max_bytes=10)
    assert not sink.write(b"x\n")
    (tmp_path / "no such folder").mkdir()
    assert sink.write(b"y\n")
    sink.close()


def test_a_socket_gets_whole_lines_again_after_the_listener_came_back(short_folder: Path) -> None:
    path = str(short_folder / "s")
    sink = open_sink(f"unix:{path}", 0)
    assert isinstance(sink, SocketSink)
    assert not sink.write(b"lost\n")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        sink._not_before = 0.0
        assert sink.write(b"first\n")
        connection, _ = listener.accept()
        assert connection.recv(100) == b"first\n"
        connection.close()
        assert not sink.write(b"broken\n" * 10) or not sink.write(b"broken\n")
        sink._not_before = 0.0
        assert sink.write(b"whole\n")
        connection, _ = listener.accept()
        assert connection.recv(100) == b"whole\n"
        connection.close()
    sink.close()
