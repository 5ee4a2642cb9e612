"""One line of JSON for each request, in a file that stays bounded (spec/azureml.md §1.7)."""

import json
from pathlib import Path
from typing import Any

from teal.gateway.admin import Admin
from tests.harness.envoy import GatewayBed, build_endpoint, build_target, running_gateway
from tests.harness.upstreams import running_upstream
from tests.harness.waiting import wait_until


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_every_request_leaves_a_line_without_keys_or_bodies(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    async with (
        running_upstream("blue") as blue,
        running_gateway(build_endpoint(build_target(blue)), access_log=log) as bed,
    ):
        answer = await bed.score("/score?secret=1", headers={"x-ms-client-request-id": "mine"})
        await bed.score("/status?code=424")
        await bed.score(endpoint="nobody")
        await wait_until(lambda: len(read_lines(log)) == 3)
        assert bed.client.headers["authorization"].split()[1] not in log.read_text()
    first, second, third = read_lines(log)
    assert first | {"status": 200, "upstream": "orders/blue", "deployment": "blue", "instance": "blue-1"} == first
    assert first | {"path": "/score", "method": "POST", "request_bytes": 2, "client_request_id": "mine"} == first
    assert first["request_id"] == answer.headers["x-request-id"]
    assert second["status"] == 424
    assert (third["status"], third["flags"], third["path"]) == (404, "NR", "/endpoints/nobody/score")


async def test_a_full_log_is_set_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    log = tmp_path / "access.log"

    async def fill(bed: GatewayBed, path: Path, count: int) -> None:
        for _ in range(count):
            await bed.score()
        await wait_until(lambda: len(read_lines(path)) == count)

    async with (
        running_upstream("blue") as blue,
        running_gateway(build_endpoint(build_target(blue)), access_log=log) as bed,
    ):
        await fill(bed, log, 3)
        assert not await bed.gateway.rotate_access_log(max_bytes=10**6)
        assert await bed.gateway.rotate_access_log(max_bytes=10)
        await fill(bed, log, 2)
        assert len(read_lines(log.with_name("access.log.1"))) == 3


async def test_envoys_metrics_are_there_for_prometheus() -> None:
    async with running_upstream("blue") as blue, running_gateway(build_endpoint(build_target(blue))) as bed:
        await bed.score()
        text = await Admin(bed.settings.admin_socket).get_text("/stats/prometheus", usedonly="")
    assert 'envoy_cluster_upstream_rq_total{envoy_cluster_name="orders/blue"} 1' in text
