"""What Teal's gateway is compared with: Envoy with one route written by hand, and no keys."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from teal.gateway.envoy_binary import find_envoy

MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


@contextmanager
def static_envoy(
    folder: Path, port: int, weights: Mapping[int, int], mirrors: Mapping[int, int] | None = None
) -> Iterator[psutil.Process]:
    """A real Envoy on `port`. Instances go by their ports, with the percentage that each is sent, or copied."""
    config = folder / f"static-envoy-{port}.json"
    config.write_text(json.dumps(build_config(port, weights, mirrors or {})))
    command = [str(find_envoy()), "-c", str(config), "--use-dynamic-base-id", "--log-level", "warning"]
    with config.with_suffix(".log").open("wb") as log:
        envoy = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield psutil.Process(envoy.pid)
    finally:
        envoy.terminate()
        envoy.wait()


def build_config(port: int, weights: Mapping[int, int], mirrors: Mapping[int, int]) -> dict[str, object]:
    forward = {
        "timeout": "60s",
        "weighted_clusters": {"clusters": [{"name": str(to), "weight": weight} for to, weight in weights.items()]},
        "request_mirror_policies": [
            {"cluster": str(to), "runtime_fraction": {"default_value": {"numerator": percent}}}
            for to, percent in mirrors.items()
        ],
    }
    routes = [{"match": {"prefix": "/"}, "route": forward}]
    router = {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
    connections = {
        "@type": f"type.googleapis.com/{MANAGER}",
        "stat_prefix": "static",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }
    manager = {"name": "envoy.filters.network.http_connection_manager", "typed_config": connections}
    listener = {"address": build_address(port), "filter_chains": [{"filters": [manager]}]}
    clusters = [build_cluster(to) for to in (*weights, *mirrors)]
    return {"static_resources": {"listeners": [listener], "clusters": clusters}}


def build_cluster(instance_port: int) -> dict[str, object]:
    endpoint = {"endpoint": {"address": build_address(instance_port)}}
    return {
        "name": str(instance_port),
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": str(instance_port), "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def build_address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
