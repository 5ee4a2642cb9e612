"""What Teal's gateway is compared with: Envoy with one route written by hand, no keys, no weights, no mirror."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from teal.gateway.envoy_binary import find_envoy

MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


@contextmanager
def static_envoy(folder: Path, port: int, instance_port: int) -> Iterator[psutil.Process]:
    """A real Envoy on `port` that sends everything to the instance."""
    config = folder / "static-envoy.json"
    config.write_text(json.dumps(build_config(port, instance_port)))
    command = [str(find_envoy()), "-c", str(config), "--use-dynamic-base-id", "--log-level", "warning"]
    with (folder / "static-envoy.log").open("wb") as log:
        envoy = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield psutil.Process(envoy.pid)
    finally:
        envoy.terminate()
        envoy.wait()


def build_config(port: int, instance_port: int) -> dict[str, object]:
    router = {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "instance", "timeout": "60s"}}
    connections = {
        "@type": f"type.googleapis.com/{MANAGER}",
        "stat_prefix": "static",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }
    manager = {"name": "envoy.filters.network.http_connection_manager", "typed_config": connections}
    endpoint = {"endpoint": {"address": build_address(instance_port)}}
    cluster = {
        "name": "instance",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "instance", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    listener = {"address": build_address(port), "filter_chains": [{"filters": [manager]}]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def build_address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
