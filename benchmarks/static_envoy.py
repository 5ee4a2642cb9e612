"""What Teal's gateway is compared with: Envoy with routes written by hand, plain or with as much to do as Teal's."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
from google.protobuf.json_format import MessageToDict

from teal.gateway.access_log import build_access_log
from teal.gateway.envoy_binary import find_envoy

MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


@contextmanager
def static_envoy(
    folder: Path,
    port: int,
    weights: Mapping[int, int],
    mirrors: Mapping[int, int] | None = None,
    *,
    key: str | None = None,
    access_log: Path | None = None,
    threads: int | None = None,
) -> Iterator[psutil.Process]:
    """A real Envoy on `port`. Instances go by their ports, with the percentage that each is sent, or copied.
    `key`: whoever has another one is refused; `access_log`: the same line for each request as Teal's; `threads`: by
    Envoy's own default one for each processor, and Teal's has half as many."""
    config = folder / f"static-envoy-{port}.json"
    content = build_config(port, weights, mirrors or {}, key=key, access_log=access_log)
    config.write_text(json.dumps(content))
    command = [str(find_envoy()), "-c", str(config), "--use-dynamic-base-id", "--log-level", "warning"]
    command += [] if threads is None else ["--concurrency", str(threads)]
    with config.with_suffix(".log").open("wb") as log:
        # A session of its own, as Teal gives its Envoy: Linux divides the processors among sessions first.
        envoy = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        yield psutil.Process(envoy.pid)
    finally:
        envoy.terminate()
        envoy.wait()


def build_config(
    port: int,
    weights: Mapping[int, int],
    mirrors: Mapping[int, int],
    *,
    key: str | None = None,
    access_log: Path | None = None,
) -> dict[str, object]:
    forward = {
        "timeout": "60s",
        "weighted_clusters": {"clusters": [{"name": str(to), "weight": weight} for to, weight in weights.items()]},
        "request_mirror_policies": [
            {"cluster": str(to), "runtime_fraction": {"default_value": {"numerator": percent}}}
            for to, percent in mirrors.items()
        ],
    }
    match = {"prefix": "/"} | ({"headers": [_is_bearer(key)]} if key else {})
    routes = [{"match": match, "route": forward}, {"match": {"prefix": "/"}, "direct_response": {"status": 401}}]
    router = {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
    connections = {
        "@type": f"type.googleapis.com/{MANAGER}",
        "stat_prefix": "static",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
        "access_log": [MessageToDict(build_access_log(access_log))] if access_log else [],
    }
    manager = {"name": "envoy.filters.network.http_connection_manager", "typed_config": connections}
    listener = {"address": build_address(port), "filter_chains": [{"filters": [manager]}]}
    clusters = [build_cluster(to) for to in (*weights, *mirrors)]
    return {"static_resources": {"listeners": [listener], "clusters": clusters}}


def _is_bearer(key: str) -> dict[str, object]:
    return {"name": "authorization", "string_match": {"exact": f"Bearer {key}"}}


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
