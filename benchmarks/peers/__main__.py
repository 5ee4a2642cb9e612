"""`make bench-peers`: Teal beside plain proxies in front of the same instance, and beside the Python servers that
people pick instead. Exit status 1 where a bar is missed."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.__main__ import BODY
from benchmarks.load import Load, answers
from benchmarks.peers import proxies, servers
from benchmarks.peers.open_loop import OpenLoopResult
from benchmarks.peers.report import (
    DIRECT,
    ENVOY,
    ENVOY_SAME,
    ENVOY_SAME_ONE,
    ENVOY_SPLIT,
    TEAL,
    PeersReport,
    print_report,
    write_report,
)
from benchmarks.peers.streams import StreamResult
from benchmarks.static_envoy import static_envoy
from benchmarks.teal_server import (
    ENDPOINT,
    build_deployment,
    deploy_endpoint,
    find_port,
    group_processes,
    running_teal,
    scratch_folder,
)
from benchmarks.throughput import Measurement, Target, build_median, measure, run_json
from teal import MLClient
from teal.entities import CodeConfiguration, EndpointAuthKeys
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until_sync

STREAM = Path(__file__).parent / "stream"
CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways to one instance (`throughput`) and to one that streams, by name."""

    throughput: list[Target]
    streams: dict[str, Load]


@dataclass(slots=True)
class Measured:
    """Every run of every phase, in order, by target."""

    proxies: dict[str, list[Measurement]] = field(default_factory=dict)
    servers: dict[str, list[Measurement]] = field(default_factory=dict)
    open_loop: dict[str, list[OpenLoopResult]] = field(default_factory=dict)
    streams: dict[str, list[StreamResult]] = field(default_factory=dict)
    open_loop_per_second: float = 0.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each target, in turn; the median counts")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one run")
    names = [server.name for server in servers.SERVERS]
    parser.add_argument("--servers", nargs="*", choices=names, default=names, help="which Python servers")
    parser.add_argument("--rate", type=float, default=None, help="requests/s of the open loop (half of saturation)")
    arguments = parser.parse_args()
    chosen = [server for server in servers.SERVERS if server.name in arguments.servers]
    versions = {server.name: server.peer.install() for server in chosen}
    measured = Measured()
    with scratch_folder() as folder, running_teal(folder / "data") as client, ways(client, folder) as ready:
        for number in range(arguments.rounds):
            for target in ready.throughput:
                tell(number, target.name)
                timed = replace(target, load=replace(target.load, seconds=arguments.seconds))
                measured.proxies.setdefault(target.name, []).append(measure(timed))
        saturation = build_median(measured.proxies[TEAL]).per_second
        measured.open_loop_per_second = arguments.rate or saturation / 2
        for number in range(arguments.rounds):
            for target in ready.throughput:
                tell(number, f"{target.name}, open loop")
                result = measure_open_loop(target.load, measured.open_loop_per_second, arguments.seconds)
                measured.open_loop.setdefault(target.name, []).append(result)
        for number in range(arguments.rounds):
            for name, load in ready.streams.items():
                tell(number, f"{name}, streams")
                result_of_streams = StreamResult(**run_json("benchmarks.peers.streams", asdict(load)))
                measured.streams.setdefault(name, []).append(result_of_streams)
        teal = next(target for target in ready.throughput if target.name == TEAL)
        measure_servers(chosen, teal, folder, arguments.rounds, arguments.seconds, measured)
    report = PeersReport(
        versions, measured.proxies, measured.servers, measured.open_loop, measured.streams,
        measured.open_loop_per_second,
    )  # fmt: skip
    print_report(report)
    print(f"written to {write_report(report)}")
    return 1 if report.missed_bars() else 0


# --- private


@contextmanager
def ways(client: MLClient, folder: Path) -> Iterator[Ways]:
    """Everything that leads to the same instance, up and answering."""
    endpoint = deploy_endpoint(client)
    streaming = replace(
        build_deployment("stream"), code_configuration=CodeConfiguration(code=str(STREAM), scoring_script="score.py")
    )
    streaming.request_settings.max_concurrent_requests_per_instance = 256  # type: ignore[union-attr]
    client.online_deployments.begin_create_or_update(streaming).result()
    keys = client.online_endpoints.get_keys(ENDPOINT)
    assert isinstance(keys, EndpointAuthKeys)
    address = urlsplit(str(endpoint.scoring_uri))
    parts = group_processes(folder / "data")
    blue, green, shadow, stream = (find_port(parts["instances"], n) for n in ("blue", "green", "shadow", "stream"))
    plain = {"Content-Type": "application/json"}
    alone = Load(port=blue, path="/score", headers=plain, body=BODY, connections=CONNECTIONS)
    keyed = plain | {"Authorization": f"Bearer {keys.primary_key}"}
    through_teal = replace(alone, port=address.port or 80, path=address.path, headers=keyed)
    ports = [free_port() for _ in range(7)]
    with ExitStack() as running:
        envoy = running.enter_context(static_envoy(folder, ports[0], {blue: 100}))
        split = running.enter_context(static_envoy(folder, ports[1], {blue: 90, green: 10}, {shadow: 10}))
        of_stream = running.enter_context(static_envoy(folder, ports[2], {stream: 100}))
        assert of_stream.is_running()
        same = running.enter_context(
            static_envoy(
                folder, ports[5], {blue: 90, green: 10}, {shadow: 10},
                key=keys.primary_key, access_log=folder / "static-access.log",
            )
        )  # fmt: skip
        same_one = running.enter_context(
            static_envoy(
                folder, ports[6], {blue: 90, green: 10}, {shadow: 10},
                key=keys.primary_key, access_log=folder / "static-one-access.log", threads=1,
            )
        )  # fmt: skip
        targets = [
            Target(DIRECT, alone, parts | {"gateway": []}),
            Target(ENVOY, replace(alone, port=ports[0]), parts | {"gateway": [envoy]}),
            Target(ENVOY_SPLIT, replace(alone, port=ports[1]), parts | {"gateway": [split]}),
            Target(ENVOY_SAME, replace(alone, port=ports[5], headers=keyed), parts | {"gateway": [same]}),
            Target(ENVOY_SAME_ONE, replace(alone, port=ports[6], headers=keyed), parts | {"gateway": [same_one]}),
        ]
        for name, is_there, run, port in (
            ("nginx", proxies.has_nginx(), proxies.nginx, ports[3]),
            ("HAProxy", proxies.has_haproxy(), proxies.haproxy, ports[4]),
        ):
            if is_there:
                processes = running.enter_context(run(folder, port, blue))
                targets.append(Target(name, replace(alone, port=port), parts | {"gateway": processes}))
            else:
                print(f"{name} is not installed and is left out", file=sys.stderr)
        targets.append(Target(TEAL, through_teal, parts))
        streams = {
            DIRECT: replace(alone, port=stream),
            ENVOY: replace(alone, port=ports[2]),
            TEAL: replace(through_teal, headers=keyed | {"azureml-model-deployment": "stream"}),
        }
        for load in (*(target.load for target in targets), replace(alone, port=ports[2])):
            wait_until_sync(partial(answers, load))
        yield Ways(targets, streams)


def measure_servers(
    chosen: Sequence[servers.Server], teal: Target, folder: Path, rounds: int, seconds: float, measured: Measured
) -> None:
    """All are up, and asked in turn; Teal among them, with everything it does."""
    with ExitStack() as running:
        targets = [teal]
        for server in chosen:
            print(f"starting {server.name}", file=sys.stderr)
            load, processes = running.enter_context(servers.running(server, folder))
            targets.append(Target(server.name, replace(load, connections=CONNECTIONS), {"server": processes}))
        for number in range(rounds):
            for target in targets:
                tell(number, target.name)
                timed = replace(target, load=replace(target.load, seconds=seconds))
                measured.servers.setdefault(target.name, []).append(measure(timed))


def measure_open_loop(load: Load, per_second: float, seconds: float) -> OpenLoopResult:
    def run(timed: Load) -> dict[str, Any]:
        return run_json("benchmarks.peers.open_loop", {"load": asdict(timed), "per_second": per_second})

    run(replace(load, seconds=0.5))
    return OpenLoopResult(**run(replace(load, seconds=seconds)))


def tell(number: int, words: str) -> None:
    print(f"round {number + 1}: {words}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
