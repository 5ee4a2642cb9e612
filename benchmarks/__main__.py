"""`make bench`: what the gateway costs, and how long changes take. Exit status 1 where a bar is missed."""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from benchmarks.changes import measure_traffic_updates, measure_warm_deployments
from benchmarks.load import Connection, Load, build_request, is_ok
from benchmarks.report import STATIC_ENVOY, TEAL, Report, print_report, write_report
from benchmarks.static_envoy import static_envoy
from benchmarks.teal_server import (
    CODE,
    ENDPOINT,
    IN_FLIGHT,
    deploy_endpoint,
    group_processes,
    running_teal,
    scratch_folder,
)
from benchmarks.throughput import Measurement, Target, build_median, measure
from teal.entities import EndpointAuthKeys
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until_sync

BODY = '{"data": [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]}'


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each target, in turn; the median counts")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one run")
    arguments = parser.parse_args()
    with scratch_folder() as folder, running_teal(folder / "data") as client:
        endpoint = deploy_endpoint(client)
        keys = client.online_endpoints.get_keys(ENDPOINT)
        assert isinstance(keys, EndpointAuthKeys)
        address = urlsplit(str(endpoint.scoring_uri))
        headers = {"Content-Type": "application/json"}
        through_teal = Load(
            port=address.port or 80,
            path=address.path,
            headers=headers | {"Authorization": f"Bearer {keys.primary_key}"},
            body=BODY,
            seconds=arguments.seconds,
        )
        alone = replace(through_teal, port=free_port(), path="/score", headers=headers)
        proxied = replace(alone, port=free_port())
        with instance(folder, alone) as processes, static_envoy(folder, proxied.port, alone.port) as envoy:
            targets = [
                Target("(a) instance alone", alone, {"instances": processes}),
                Target(STATIC_ENVOY, proxied, {"gateway": [envoy], "instances": processes}),
                Target(TEAL, through_teal, group_processes(folder / "data")),
            ]
            runs: dict[str, list[Measurement]] = {target.name: [] for target in targets}
            for number in range(arguments.rounds):
                for target in targets:
                    print(f"round {number + 1}: {target.name}", file=sys.stderr)
                    runs[target.name].append(measure(target))
        report = Report(
            {name: build_median(measured) for name, measured in runs.items()},
            measure_traffic_updates(client, through_teal),
            measure_warm_deployments(client, through_teal),
        )
    print_report(report)
    print(f"written to {write_report(report)}")
    return 1 if report.missed_bars() else 0


@contextmanager
def instance(folder: Path, load: Load) -> Iterator[list[psutil.Process]]:
    """The scoring server as Teal starts it, without Teal."""
    words = ["--entry_script", str(CODE / "score.py"), "--model_dir", str(folder), "--host", "127.0.0.1"]
    command = [sys.executable, "-m", "teal_scoring", *words, "--port", str(load.port)]
    environment = os.environ | {"TEAL_MAX_CONCURRENT": str(IN_FLIGHT)}
    with (folder / "instance.log").open("wb") as log:
        started = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_until_sync(lambda: answers(load), within_s=20)
        process = psutil.Process(started.pid)
        yield [process, *process.children(recursive=True)]
    finally:
        started.terminate()
        started.wait()


def answers(load: Load) -> bool:
    try:
        connection = Connection(load.port, build_request(load))
    except ConnectionError:
        return False
    try:
        connection.ask()
        while (answer := connection.receive()) is None:
            pass
        return is_ok(answer)
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
