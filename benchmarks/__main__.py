"""`make bench`: what the gateway costs, and how long changes take. Exit status 1 where a bar is missed."""

import argparse
import sys
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from benchmarks.changes import measure_traffic_updates, measure_warm_deployments
from benchmarks.load import Load, answers
from benchmarks.report import (
    STATIC_ENVOY,
    STATIC_SAME,
    STATIC_SAME_ONE,
    STATIC_SPLIT,
    TEAL,
    Report,
    print_report,
    write_report,
)
from benchmarks.static_envoy import static_envoy
from benchmarks.teal_server import (
    ENDPOINT,
    deploy_endpoint,
    find_port,
    group_processes,
    running_teal,
    scratch_folder,
)
from benchmarks.throughput import Measurement, Target, measure
from teal.entities import EndpointAuthKeys
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until_sync

BODY = '{"data": [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]}'


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each target, in turn; the median counts")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one run")
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
        parts = group_processes(folder / "data")
        blue, green, shadow = (find_port(parts["instances"], name) for name in ("blue", "green", "shadow"))
        alone = replace(through_teal, port=blue, path="/score", headers=headers)
        proxied, split = (replace(alone, port=free_port()) for _ in range(2))
        same, same_one = (replace(alone, port=free_port(), headers=through_teal.headers) for _ in range(2))
        with (
            static_envoy(folder, proxied.port, {blue: 100}) as envoy,
            static_envoy(folder, split.port, {blue: 90, green: 10}, {shadow: 10}) as splitting_envoy,
            static_envoy(
                folder, same.port, {blue: 90, green: 10}, {shadow: 10},
                key=keys.primary_key, access_log=folder / "static-access.log",
            ) as same_envoy,
            static_envoy(
                folder, same_one.port, {blue: 90, green: 10}, {shadow: 10},
                key=keys.primary_key, access_log=folder / "static-one-access.log", threads=1,
            ) as same_envoy_one,
        ):  # fmt: skip
            for load in (proxied, split, same, same_one):
                wait_until_sync(partial(answers, load))
            targets = [
                Target("(a) instance alone", alone, parts | {"gateway": []}),
                Target(STATIC_ENVOY, proxied, parts | {"gateway": [envoy]}),
                Target(STATIC_SPLIT, split, parts | {"gateway": [splitting_envoy]}),
                Target(STATIC_SAME, same, parts | {"gateway": [same_envoy]}),
                Target(STATIC_SAME_ONE, same_one, parts | {"gateway": [same_envoy_one]}),
                Target(TEAL, through_teal, parts),
            ]
            rounds: dict[str, list[Measurement]] = {target.name: [] for target in targets}
            for number in range(arguments.rounds):
                for target in targets:
                    print(f"round {number + 1}: {target.name}", file=sys.stderr)
                    rounds[target.name].append(measure(target))
        report = Report(
            rounds,
            measure_traffic_updates(client, through_teal),
            measure_warm_deployments(client, through_teal),
        )
    print_report(report)
    print(f"written to {write_report(report)}")
    return 1 if report.missed_bars() else 0


if __name__ == "__main__":
    sys.exit(main())
