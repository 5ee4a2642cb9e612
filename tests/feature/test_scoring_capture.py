"""Records of requests and answers from a running server."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness.scoring import BEHIND_GATEWAY, JSON, Start, ready, scoring_servers
from tests.harness.waiting import wait_until_sync


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with scoring_servers(tmp_path) as start:
        yield ready(start)


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def test_every_answer_of_run_is_recorded_with_its_id_and_deployment(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    scoring = start("behave.py", TEAL_CAPTURE_TO=str(path), TEAL_DEPLOYMENT="blue")
    scoring.score({"do": "echo", "a": "ä"}, {"x-request-id": "one", **JSON})
    scoring.score({"do": "raise"}, {"x-request-id": "two", "x-mirrored": "1", **BEHIND_GATEWAY})
    httpx.get(f"{scoring.url}/")
    wait_until_sync(lambda: len(records(path)) == 2)
    one, two = records(path)
    assert (one["request_id"], one["deployment"], one["mirrored"]) == ("one", "blue", False)
    assert json.loads(one["request"]["body"]) == json.loads(one["answer"]["body"]) == {"do": "echo", "a": "ä"}
    assert one["timings"]["total_ms"] >= one["timings"]["run_ms"] >= 0
    assert (two["request_id"], two["mirrored"], two["answer"]["status"], two["answer"]["model_status"]) == (
        "two",
        True,
        424,
        500,
    )
    assert scoring.count("written") == 2


def test_a_streamed_answer_is_recorded_without_its_body(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    scoring = start("streams.py", TEAL_CAPTURE_TO=f"file:{path}")
    scoring.score({"how": "text"})
    wait_until_sync(lambda: len(records(path)) == 1)
    answer = records(path)[0]["answer"]
    assert (answer["streamed"], answer["length"], answer["body"], answer["truncated"]) == (True, 24, "", True)


def test_what_is_queued_is_written_before_the_server_ends(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    scoring = start("text_only.py", TEAL_CAPTURE_TO=str(path))
    for number in range(20):
        scoring.score(number)
    scoring.process.terminate()
    assert scoring.process.wait() == 0
    assert [record["request"]["body"] for record in records(path)] == [str(number) for number in range(20)]


def test_a_listener_that_does_not_read_costs_records_not_answers(start: Start, short_folder: Path) -> None:
    path = short_folder / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        scoring = start("text_only.py", TEAL_CAPTURE_TO=f"unix:{path}", TEAL_CAPTURE_QUEUE_BYTES="300000")
        for _ in range(30):
            assert scoring.score("x" * 60_000).status_code == 200
        wait_until_sync(lambda: scoring.count("dropped") > 0)
