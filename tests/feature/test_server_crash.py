"""What happens to requests when the control plane is killed, started again, or stopped while they are in hand."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.harness.teal import FREE_PORTS, TealServer, teal_server
from tests.harness.waiting import wait_until_sync

SCORE = """\
import json
import time


def init():
    pass


def run(raw_data):
    seconds = json.loads(raw_data)["sleep"]
    time.sleep(seconds)
    return seconds
"""

DEPLOYMENT = """\
name: blue
endpoint_name: sleeper
code_configuration:
  code: src
  scoring_script: score.py
environment:
  image: python:3.11
  conda_file: conda.yaml
environment_variables: {}
request_settings:
  request_timeout_ms: 20000
  max_concurrent_requests_per_instance: 8
instance_type: Standard_DS3_v2
instance_count: 1
"""


@pytest.fixture(scope="module")
def sleeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TealServer]:
    """A server with one endpoint that sleeps for as long as it is told."""
    folder = tmp_path_factory.mktemp("sleeper")
    (folder / "src").mkdir()
    (folder / "src" / "score.py").write_text(SCORE)
    (folder / "conda.yaml").write_text("name: sleeper\ndependencies:\n- python=3.11\n- pip\n")
    (folder / "blue.yml").write_text(DEPLOYMENT)
    with teal_server(folder) as server:
        server.up()
        server.must("online-endpoint", "create", "-n", "sleeper")
        server.must("online-deployment", "create", "-f", "blue.yml", "--all-traffic")
        yield server


@pytest.fixture
def running(sleeper: TealServer) -> TealServer:
    """The same, running and answering, whatever the test before has done."""
    if not sleeper.said or sleeper.process is None or sleeper.process.returncode is not None:
        sleeper.up()
    with Caller(sleeper) as caller:
        wait_until_sync(lambda: caller.call(0).status_code == 200, 30)
    return sleeper


class Caller:
    """Calls the endpoint with its key."""

    def __init__(self, server: TealServer) -> None:
        keys = json.loads(server.must("online-endpoint", "get-credentials", "-n", "sleeper"))
        headers = {"Authorization": f"Bearer {keys['primaryKey']}", "Content-Type": "application/json"}
        self._client = httpx.Client(headers=headers, timeout=30, trust_env=False)
        self._url = f"{server.said['gateway_url']}/endpoints/sleeper/score"

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(self, sleep_s: float) -> httpx.Response:
        return self._client.post(self._url, json={"sleep": sleep_s})


@contextmanager
def requests_going_on(caller: Caller, sleep_s: float) -> Iterator[list[object]]:
    """Requests one after the other, until the block is left; what came of each."""
    seen: list[object] = []
    ended = threading.Event()

    def send() -> None:
        while not ended.is_set():
            try:
                seen.append(caller.call(sleep_s).status_code)
            except httpx.HTTPError as error:
                seen.append(repr(error))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        wait_until_sync(lambda: len(seen) > 3)
        yield seen
    finally:
        ended.set()
        thread.join()


def test_a_killed_control_plane_costs_no_request_and_the_next_one_takes_over(running: TealServer) -> None:
    envoy, processes = running.envoy_pid, running.list_processes()
    with Caller(running) as caller, requests_going_on(caller, 0.01) as seen:
        running.kill_control_plane()
        after_kill = len(seen)
        wait_until_sync(lambda: len(seen) > after_kill + 20)
        assert running.teal("status").returncode == 3
        said = running.up()
        after_up = len(seen)
        wait_until_sync(lambda: len(seen) > after_up + 20)
    assert set(seen) == {200}
    assert running.envoy_pid == envoy
    assert len(running.list_processes()) == len(processes)
    status = json.loads(running.must("status"))
    assert status["url"] == said["url"]
    assert status["endpoints"][0]["deployments"][0]["instances"] == {"routable": 1}


def test_a_control_plane_killed_while_an_instance_is_prepared_lets_the_next_one_prepare_it(
    running: TealServer,
) -> None:
    instances = running.data_dir / "instances"
    before = set(instances.iterdir())
    (running.folder / "conda.yaml").write_text("name: sleeper\ndependencies:\n- python=3.11\n")
    running.must("online-deployment", "update", "-f", "blue.yml", "--no-wait")
    begun = wait_until_sync(
        lambda: [path for path in set(instances.iterdir()) - before if (path / "instance.json").exists()], every_s=0
    )
    running.kill_control_plane()
    running.up()
    shown = wait_until_sync(lambda: show_settled(running), 30, describe=lambda: running.must("status"))
    assert shown["provisioning_state"] == "Succeeded"
    assert [instance["id"] for instance in shown["observed"]["instances"]] == [begun[0].name]


def test_down_ends_what_a_killed_server_left_behind(running: TealServer) -> None:
    running.kill_control_plane()
    assert running.envoy_pid
    out = running.must("down")
    assert "the gateway" in out
    assert "the instance sleeper-blue" in out
    assert running.list_processes() == []


def test_an_interrupted_server_lets_requests_finish(running: TealServer) -> None:
    process = running.process
    assert process is not None
    with Caller(running) as caller, call_in_background(caller, 2) as answers:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert answers == [200]
    assert running.list_processes() == []


def test_a_second_interrupt_waits_for_nothing(running: TealServer) -> None:
    process = running.process
    assert process is not None
    log = running.data_dir / "logs/server.log"
    drained_before = log.read_text().count("waiting for requests")
    with Caller(running) as caller, call_in_background(caller, 15) as answers:
        process.send_signal(signal.SIGINT)
        wait_until_sync(lambda: log.read_text().count("waiting for requests") > drained_before)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert answers != [200]
    assert running.list_processes() == []


def test_a_server_that_starts_again_serves_what_it_served(running: TealServer) -> None:
    running.must("down")
    running.must("up", "--detach", *FREE_PORTS)
    with Caller(running) as caller:
        wait_until_sync(lambda: caller.call(0).status_code == 200, 30)
    os.kill(running.said["pid"], signal.SIGTERM)
    wait_until_sync(lambda: not running.list_processes(), 30, describe=running.list_processes)


# --- private


def show_settled(server: TealServer) -> dict[str, Any]:
    """The deployment; nothing while it changes."""
    shown: dict[str, Any] = json.loads(server.must("online-deployment", "show", "-n", "blue", "-e", "sleeper"))
    is_settled = shown["provisioning_state"] != "Updating" and len(shown["observed"]["instances"]) == 1
    return shown if is_settled else {}


@contextmanager
def call_in_background(caller: Caller, sleep_s: float) -> Iterator[list[object]]:
    """One request that is in hand while the block runs."""
    answers: list[object] = []

    def send() -> None:
        try:
            answers.append(caller.call(sleep_s).status_code)
        except httpx.HTTPError as error:
            answers.append(repr(error))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        thread.join(0.5)
        yield answers
    finally:
        thread.join()


def test_a_control_plane_that_is_to_be_upgraded_goes_alone_and_the_next_one_takes_over(running: TealServer) -> None:
    envoy = running.envoy_pid
    with Caller(running) as caller:
        said = running.must("down", "--keep-serving")
        assert "serve on until `teal up`" in said
        assert not running.said
        assert caller.call(0).status_code == 200
        running.up()
        assert caller.call(0).status_code == 200
    assert running.envoy_pid == envoy
    assert "goes on serving" not in said
