"""What `teal status` tells: where the server is, its endpoints, their deployments and instances, asked over REST like
anybody would. Called by server/commands.py."""

import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from teal.domain.resource_ids import PROVIDER
from teal.server.data_dir import DataDir
from teal.server.errors import ServerError

TIMEOUT_S = 10.0


def describe_running(data: DataDir, server: Mapping[str, Any]) -> dict[str, Any]:
    """One object for people and for `--query`."""
    summary = {name: server[name] for name in ("url", "gateway_url", "data_dir", "pid", "version")}
    try:
        with _open_client(data, str(server["url"])) as client:
            endpoints = [_describe_endpoint(client, endpoint) for endpoint in _list_endpoints(client)]
    except (httpx.HTTPError, OSError, KeyError, ValueError) as error:
        raise ServerError(
            f"The server (process {server['pid']}) runs, but does not answer properly: {error}."
        ) from error
    return {"running": True, **summary, "endpoints": endpoints}


# --- private


def _open_client(data: DataDir, url: str) -> httpx.Client:
    return httpx.Client(
        base_url=url,
        headers={"Authorization": f"Bearer {data.token_file.read_text().strip()}"},
        verify=ssl.create_default_context(cafile=str(data.certificates.ca)),
        timeout=TIMEOUT_S,
        trust_env=False,
    )


def _list(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    answer = client.get(path, params={"api-version": "2023-04-01-preview"})
    answer.raise_for_status()
    return list(answer.json()["value"])


def _list_endpoints(client: httpx.Client) -> Iterator[dict[str, Any]]:
    for subscription in _list(client, "/subscriptions"):
        for workspace in _list(client, f"{subscription['id']}/providers/{PROVIDER}/workspaces"):
            yield from _list(client, f"{workspace['id']}/onlineEndpoints")


def _describe_endpoint(client: httpx.Client, endpoint: Mapping[str, Any]) -> dict[str, Any]:
    properties = endpoint["properties"]
    return {
        "name": endpoint["name"],
        "state": properties["provisioningState"],
        "traffic": properties["traffic"],
        "mirror_traffic": properties["mirrorTraffic"],
        "scoring_uri": properties["scoringUri"],
        "deployments": [_describe_deployment(d) for d in _list(client, f"{endpoint['id']}/deployments")],
    }


def _describe_deployment(deployment: Mapping[str, Any]) -> dict[str, Any]:
    observed = deployment["properties"]["observed"]
    states = [instance["state"] for instance in observed["instances"]]
    return {
        "name": deployment["name"],
        "state": deployment["properties"]["provisioningState"],
        "instances": {state: states.count(state) for state in sorted(set(states))},
    }
