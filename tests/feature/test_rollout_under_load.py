"""A whole rollout under continuous load, and everything that may happen to an instance: clients notice nothing they
need not."""

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.harness.teal import TealServer, teal_server
from tests.harness.waiting import wait_until_sync

SCORE = """\
import json
import os
import time


def init():
    pass


def run(raw_data):
    request = json.loads(raw_data)
    while "until" in request and not os.path.exists(request["until"]):
        time.sleep(0.05)
    return {"version": os.environ["VERSION"], "number": request["number"]}
"""

DEPLOYMENT = """\
name: {name}
endpoint_name: {endpoint}
code_configuration:
  code: src
  scoring_script: score.py
environment:
  image: python:3.11
  conda_file: conda.yaml
environment_variables:
  VERSION: {name}
request_settings:
  request_timeout_ms: 20000
  max_concurrent_requests_per_instance: 8
liveness_probe:
  initial_delay: 1
  period: 1
  timeout: 1
  failure_threshold: 2
readiness_probe:
  initial_delay: 1
  period: 1
  timeout: 1
  failure_threshold: 2
instance_type: Standard_DS3_v2
instance_count: 1
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TealServer]:
    folder = tmp_path_factory.mktemp("load")
    (folder / "src").mkdir()
    (folder / "src" / "score.py").write_text(SCORE)
    (folder / "conda.yaml").write_text("name: load\ndependencies:\n- python=3.11\n- pip\n")
    with teal_server(folder) as server:
        server.up()
        yield server


@pytest.fixture
def endpoint(server: TealServer, request: pytest.FixtureRequest) -> Iterator["Endpoint"]:
    """An endpoint with blue at 100 %, gone afterwards."""
    name = "e" + str(abs(hash(request.node.name)))[:8]
    server.must("online-endpoint", "create", "-n", name)
    endpoint = Endpoint(server, name)
    endpoint.create("blue", "--all-traffic")
    yield endpoint
    server.must("online-endpoint", "delete", "-n", name, "--yes")


class Endpoint:
    """One endpoint, as its owner and as its clients see it."""

    def __init__(self, server: TealServer, name: str) -> None:
        self.server = server
        self.name = name
        keys = json.loads(server.must("online-endpoint", "get-credentials", "-n", name))
        self.headers = {"Authorization": f"Bearer {keys['primaryKey']}", "Content-Type": "application/json"}
        self.url = f"{server.said['gateway_url']}/endpoints/{name}/score"

    def create(self, deployment: str, *words: str) -> None:
        path = Path(self.server.folder) / f"{self.name}-{deployment}.yml"
        path.write_text(DEPLOYMENT.format(name=deployment, endpoint=self.name))
        self.server.must("online-deployment", "create", "-f", str(path), *words)

    def update(self, deployment: str, *words: str) -> None:
        self.server.must("online-deployment", "update", "-n", deployment, "-e", self.name, *words)

    def shift(self, traffic: str) -> None:
        self.server.must("online-endpoint", "update", "-n", self.name, "--traffic", traffic)

    def observed(self, deployment: str) -> dict[str, Any]:
        shown = self.server.must("online-deployment", "show", "-n", deployment, "-e", self.name)
        observed: dict[str, Any] = json.loads(shown)["observed"]
        return observed

    def states(self, deployment: str) -> list[str]:
        return sorted(i["state"] for i in self.observed(deployment)["instances"])

    def process(self, deployment: str) -> psutil.Process:
        """The scoring server of one of the instances."""
        mark = f"{self.server.data_dir}/instances/{self.name}-{deployment}-"
        for shim in psutil.process_iter(["cmdline"]):
            if any(word.startswith(mark) for word in shim.info["cmdline"] or []) and shim.children():
                return shim.children()[0]
        raise AssertionError(f"no process of {deployment}")

    @contextmanager
    def load(self, clients: int = 4) -> Iterator[Counter[object]]:
        """Requests without a pause until the block is left; what came of them: the version that answered, or what
        went wrong."""
        seen: Counter[object] = Counter()
        ended = threading.Event()

        def send(client: httpx.Client, number: int) -> object:
            try:
                answer = client.post(self.url, json={"number": number}, headers=self.headers)
            except httpx.HTTPError as error:
                return repr(error)
            if answer.status_code != 200:
                return answer.status_code
            right = answer.json()["number"] == number
            same = answer.json()["version"].split("-")[0] == answer.headers["azureml-model-deployment"]
            return answer.json()["version"] if right and same else "wrong"

        def work() -> None:
            with httpx.Client(timeout=30, trust_env=False) as client:
                number = 0
                while not ended.is_set():
                    number += 1
                    seen[send(client, number)] += 1

        threads = [threading.Thread(target=work) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            wait_until_sync(lambda: sum(seen.values()) > 10 * clients)
            yield seen
        finally:
            ended.set()
            for thread in threads:
                thread.join()


def test_clients_notice_nothing_of_a_whole_rollout(endpoint: Endpoint) -> None:
    with endpoint.load() as seen:
        endpoint.update("blue", "--set", "instance_count=2")
        endpoint.create("green")
        endpoint.server.must("online-endpoint", "update", "-n", endpoint.name, "--mirror-traffic", "green=50")
        wait_until_sync(lambda: endpoint.observed("green")["requests"]["mirrored"] > 20)
        endpoint.server.must("online-endpoint", "update", "-n", endpoint.name, "--mirror-traffic", "green=0")
        endpoint.shift("blue=50 green=50")
        wait_until_sync(lambda: seen["green"] > 20)
        endpoint.update("green", "--set", "environment_variables.VERSION=green-2")
        wait_until_sync(lambda: seen["green-2"] > 20)
        endpoint.shift("blue=0 green=100")
        endpoint.server.must("online-deployment", "delete", "-n", "blue", "-e", endpoint.name, "--yes")
        endpoint.update("green", "--set", "instance_count=3")
        endpoint.update("green", "--set", "instance_count=1")
    assert set(seen) == {"blue", "green", "green-2"}


def test_an_update_does_not_wait_for_a_long_request_and_the_long_request_is_answered(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    answers: list[httpx.Response] = []
    enough = tmp_path / "enough"

    def call() -> None:
        body = {"number": 1, "until": str(enough)}
        answers.append(httpx.post(endpoint.url, json=body, headers=endpoint.headers, timeout=30, trust_env=False))

    long_request = threading.Thread(target=call)
    long_request.start()
    endpoint.update("blue", "--set", "environment_variables.VERSION=blue-2")
    draining = [i for i in endpoint.observed("blue")["instances"] if i["state"] == "draining"]
    assert [i["in_flight"] for i in draining] in ([1], [None])
    wait_until_sync(lambda: [i["in_flight"] for i in endpoint.observed("blue")["instances"]].count(1) == 1)
    enough.touch()
    long_request.join()
    assert answers[0].json()["version"] == "blue"
    wait_until_sync(lambda: endpoint.states("blue") == ["routable"])


def test_a_killed_instance_costs_at_most_the_requests_in_its_hands(endpoint: Endpoint) -> None:
    endpoint.update("blue", "--set", "instance_count=2")
    with endpoint.load(clients=4) as seen:
        os.kill(endpoint.process("blue").pid, signal.SIGKILL)
        wait_until_sync(lambda: any(i["restarts"] for i in endpoint.observed("blue")["instances"]), 30)
        wait_until_sync(lambda: endpoint.states("blue") == ["routable", "routable"], 30)
    assert set(seen) <= {"blue", 424}
    assert seen[424] <= 4


def test_an_instance_that_hangs_is_replaced(endpoint: Endpoint) -> None:
    hung = endpoint.process("blue")
    hung.suspend()
    wait_until_sync(lambda: not hung.is_running(), 60, describe=lambda: endpoint.observed("blue"))
    wait_until_sync(lambda: endpoint.states("blue") == ["routable"], 60)
    with endpoint.load(clients=1) as seen:
        pass
    assert set(seen) == {"blue"}
