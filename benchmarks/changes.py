"""How long until a change is seen by a client: a traffic update, and a new deployment whose environment is warm."""

import re
import ssl
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import httpx

from benchmarks.load import Connection, Load, build_request, is_last, is_ok
from benchmarks.teal_server import ENDPOINT, build_deployment
from teal import MLClient
from teal.sdk.addresses import find_server

UPDATES = 30
DEPLOYMENTS = 7
GIVE_UP_AFTER_S = 60
API_VERSION = "2023-04-01-preview"
DEPLOYMENT = re.compile(rb"\r\nazureml-model-deployment: *([^\r]+)", re.IGNORECASE)


#: Of a start's steps those that are the script's, and one that is uv's.
OTHERS_STEPS = frozenset({"importing", "initialising", "building environment"})


@dataclass(frozen=True, slots=True)
class Delays:
    """Milliseconds from a change being sent to the first answer by the new rule."""

    p50_ms: float
    worst_ms: float
    n: int


def measure_traffic_updates(client: MLClient, load: Load) -> Delays:
    """All traffic from blue to green and back, by a PATCH on a warm connection, while a client asks all the time."""
    server = find_server()
    url = (
        f"{server.url}/subscriptions/{client.subscription_id}/resourceGroups/{client.resource_group_name}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{client.workspace_name}/onlineEndpoints/{ENDPOINT}"
    )
    headers = {"Authorization": f"Bearer {server.token}"}
    delays: list[float] = []
    tls = ssl.create_default_context(cafile=server.ca)
    with (
        httpx.Client(headers=headers, verify=tls, params={"api-version": API_VERSION}, trust_env=False) as api,
        ThreadPoolExecutor(1) as sender,
        closing(Connection(load.port, build_request(load))) as connection,
    ):

        def shift(to: str) -> None:
            body = {"properties": {"traffic": {to: 100}}}
            api.patch(url, json=body).raise_for_status()

        def is_settled() -> bool:
            state = api.get(url).json()["properties"]["provisioningState"]
            return bool(state == "Succeeded")

        for number in range(UPDATES + 2):
            to = ("blue", "green")[number % 2]
            shifting = sender.submit(shift, to)
            began = time.perf_counter()
            wait_for_answer(connection, partial(is_answer_of, to), shifting)
            delays.append(1000 * (time.perf_counter() - began))
            shifting.result()
            while not is_settled():
                time.sleep(0.02)
    return build_delays(delays[2:])  # the first two may find nothing to change


@dataclass(frozen=True, slots=True)
class WarmDeployments:
    """`first_answer`: from the create call to the first answer by name; `own`: the server's part of it, from the
    request to in service without the script's import and init(). `steps_ms` are medians."""

    first_answer: Delays
    own: Delays
    steps_ms: dict[str, float]


def measure_warm_deployments(client: MLClient, load: Load) -> WarmDeployments:
    """The environment is there, the instance is new."""
    delays: list[float] = []
    steps: list[dict[str, float]] = []
    with ThreadPoolExecutor(1) as sender:
        for number in range(DEPLOYMENTS):
            name = f"new{number}"
            named = replace(load, headers=load.headers | {"azureml-model-deployment": name})
            with closing(Connection(load.port, build_request(named))) as connection:
                began = time.perf_counter()
                creating = sender.submit(create_deployment, client, name)
                wait_for_answer(connection, is_ok, creating, pause_s=0.005)
                delays.append(1000 * (time.perf_counter() - began))
            creating.result()
            steps.append(read_steps(client, name))
            client.online_deployments.begin_delete(name, ENDPOINT).result()
    own = [sum(ms for name, ms in start.items() if name not in OTHERS_STEPS) for start in steps]
    medians = {name: median(start.get(name, 0.0) for start in steps) for name in steps[-1]}
    return WarmDeployments(build_delays(delays), build_delays(own), medians)


# --- private


def read_steps(client: MLClient, name: str) -> dict[str, float]:
    """Milliseconds by step, as `online-deployment show` has them."""
    observed = client.online_deployments.get(name, ENDPOINT).observed or {}
    return {step["name"]: 1000 * step["seconds"] for step in observed["phases"]}


def create_deployment(client: MLClient, name: str) -> None:
    client.online_deployments.begin_create_or_update(build_deployment(name)).result()


def wait_for_answer(
    connection: Connection, is_wanted: Callable[[bytes], bool], changing: Future[None], pause_s: float = 0.0
) -> None:
    """Ask until the wanted answer comes; a change that failed is raised instead of waited for."""
    until = time.monotonic() + GIVE_UP_AFTER_S
    while time.monotonic() < until:
        connection.ask()
        while (answer := connection.receive()) is None:
            pass
        if is_wanted(answer):
            return
        if changing.done():
            changing.result()
        if is_last(answer):
            connection.reconnect()
        time.sleep(pause_s)
    raise TimeoutError(f"the change was not seen within {GIVE_UP_AFTER_S} s")


def is_answer_of(deployment: str, answer: bytes) -> bool:
    found = DEPLOYMENT.search(answer)
    return found is not None and found[1].decode() == deployment


def build_delays(delays: list[float]) -> Delays:
    return Delays(median(delays), max(delays), len(delays))
