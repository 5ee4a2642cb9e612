"""A server's settings of its gateway: TLS from its own CA, hosts and settings of endpoints, the access log."""

import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.harness.teal import TealServer, teal_server
from tests.harness.waiting import wait_until_sync

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
ENDPOINT = f"{WORKSPACE}/onlineEndpoints/orders?api-version=2024-10-01"
DOMAIN = "models.example.com"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TealServer]:
    with teal_server(tmp_path_factory.mktemp("teal")) as server:
        server.environ |= {"TEAL_GATEWAY_DOMAIN": DOMAIN, "TEAL_QUOTAS": "azure"}
        server.up()
        yield server


def call_gateway(server: TealServer, path: str, host: str | None = None) -> httpx.Response:
    url = httpx.URL(server.said["gateway_url"]).copy_with(scheme="https")
    with httpx.Client(verify=ssl.create_default_context(cafile=server.data_dir / "ca.pem"), trust_env=False) as client:
        named = {"headers": {"host": host}, "extensions": {"sni_hostname": host}} if host else {}
        return client.get(url.join(path), **named)  # type: ignore[arg-type]


def put(server: TealServer, **properties: str) -> httpx.Response:
    with server.client() as client:
        body = {"location": "local", "properties": {"authMode": "Key", "properties": properties}}
        return client.put(ENDPOINT, json=body)


def test_settings_of_an_endpoint_are_kept_and_wrong_ones_refused(server: TealServer) -> None:
    answer = put(server, **{"teal.traffic_key": "header:x-user", "teal.max_requests_per_second": "5"})
    assert answer.status_code == 201, answer.text
    with server.client() as client:
        kept = client.get(ENDPOINT).json()["properties"]["properties"]
    assert kept["teal.traffic_key"] == "header:x-user"
    refused = put(server, **{"teal.traffic_keys": "header:x-user"})
    assert refused.status_code == 400
    assert "teal.traffic_key" in refused.text


def test_the_gateway_speaks_tls_with_the_servers_certificate(server: TealServer) -> None:
    answer = call_gateway(server, "/endpoints/nobody/score")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "EndpointNotFound")


def test_the_certificate_names_the_hosts_of_endpoints(server: TealServer) -> None:
    put(server)

    def is_known() -> bool:
        return call_gateway(server, "/score", f"orders.{DOMAIN}").status_code == 401

    wait_until_sync(is_known)


def test_requests_are_in_the_access_log(server: TealServer) -> None:
    call_gateway(server, "/endpoints/nobody/of-the-log")
    log: Path = server.data_dir / "logs" / "access.log"

    def is_logged() -> bool:
        return any(json.loads(line)["path"].endswith("of-the-log") for line in log.read_text().splitlines())

    wait_until_sync(is_logged)
    assert log.stat().st_mode & 0o077 == 0 or log.parent.stat().st_mode & 0o077 == 0
