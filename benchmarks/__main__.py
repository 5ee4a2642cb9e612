"""`make bench`: what the gateway costs, and how long changes take. Exit status 1 where a bar is missed."""

import argparse
import sys
from dataclasses import replace
from urllib.parse import urlsplit

from benchmarks.changes import measure_traffic_updates, measure_warm_deployments
from benchmarks.load import Load, answers
from benchmarks.report import STATIC_ENVOY, TEAL, Report, print_report, write_report
from benchmarks.static_envoy import static_envoy
from benchmarks.teal_server import (
    ENDPOINT,
    deploy_endpoint,
    find_instance,
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
        port, processes = find_instance(folder / "data", "blue")
        alone = replace(through_teal, port=port, path="/score", headers=headers)
        proxied = replace(alone, port=free_port())
        with static_envoy(folder, proxied.port, alone.port) as envoy:
            wait_until_sync(lambda: answers(proxied))
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


if __name__ == "__main__":
    sys.exit(main())
