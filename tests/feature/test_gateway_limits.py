"""Time limits, in-flight limits, and what a client is told when an instance fails it (spec/azureml.md §1.6)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from teal.gateway import routes
from tests.harness.envoy import GatewayBed, build_endpoint, build_target, running_gateway
from tests.harness.ports import free_port
from tests.harness.upstreams import Upstream, running_upstream
from tests.harness.waiting import wait_until


@pytest.fixture
async def blue() -> AsyncIterator[Upstream]:
    async with running_upstream("blue") as upstream:
        yield upstream


@pytest.fixture
async def bed(blue: Upstream) -> AsyncIterator[GatewayBed]:
    """Blue may have two requests in hand, and be silent for 300 ms."""
    async with running_gateway(build_endpoint(build_target(blue, max_in_flight=2, request_timeout_ms=300))) as bed:
        yield bed


def error_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["azureml-model-deployment"] == "blue"
    assert answer.headers["x-request-id"] == answer.headers["x-ms-request-id"]
    error = answer.json()["error"]
    assert "orders/blue" in error["message"]
    return answer.status_code, error["code"]


async def test_silence_beyond_the_time_limit_is_408(bed: GatewayBed) -> None:
    assert error_of(await bed.score("/silent")) == (408, "RequestTimeout")
    assert (await bed.gateway.observe_requests("orders"))["blue"].timeouts_total == 1


async def test_a_streamed_answer_may_last_longer_than_the_time_limit(bed: GatewayBed) -> None:
    answer = await bed.score("/stream?chunks=12&every_ms=100")
    assert answer.status_code == 200
    assert len(answer.text.splitlines()) == 12


async def test_chunks_are_passed_on_as_they_come(bed: GatewayBed) -> None:
    request = bed.client.build_request("POST", "/endpoints/orders/stream?chunks=3&every_ms=100", json={})
    answer = await bed.client.send(request, stream=True)
    chunks = [chunk async for chunk in answer.aiter_text()]
    assert chunks == ["chunk 0\n", "chunk 1\n", "chunk 2\n"]


async def test_an_answer_that_stands_still_for_too_long_is_ended(
    bed: GatewayBed, blue: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MIN_STALL_MS", 300)
    monkeypatch.setattr(routes, "CONNECTING_MS", 0)
    await bed.publish(build_endpoint(build_target(blue, request_timeout_ms=200)))
    assert (await bed.score("/stream?chunks=5&every_ms=100")).status_code == 200
    with pytest.raises(httpx.RemoteProtocolError):
        await bed.score("/stream?chunks=2&every_ms=100000&first_ms=0")


async def test_a_client_that_reads_slowly_gets_the_whole_of_a_large_answer(bed: GatewayBed) -> None:
    size = 40 * 1024 * 1024
    request = bed.client.build_request("GET", f"/endpoints/orders/large?bytes={size}")
    answer = await bed.client.send(request, stream=True)
    # Longer than the deployment's time limit, with more outstanding than all buffers on the way hold.
    for _ in range(2):
        assert (await bed.score("/silent")).status_code == 408
    received = sum([len(chunk) async for chunk in answer.aiter_bytes()])
    assert received == size


async def test_a_slow_upload_does_not_count_against_the_time_limit(bed: GatewayBed) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(6):
            await asyncio.sleep(0.1)
            yield b"x"

    assert (await bed.score(content=chunks())).json()["body_bytes"] == 6


async def test_deployments_of_a_split_each_have_their_own_time_limit(bed: GatewayBed, blue: Upstream) -> None:
    async with running_upstream("green") as green:
        targets = (build_target(blue, request_timeout_ms=200), build_target(green, request_timeout_ms=30_000))
        await bed.publish(build_endpoint(*targets, traffic={"blue": 50, "green": 50}))
        answers = [asyncio.create_task(bed.score("/hold")) for _ in range(20)]
        await wait_until(lambda: sum(answer.done() for answer in answers) == len(blue.received) > 0)
        green.released.set()
        statuses = sorted(answer.status_code for answer in await asyncio.gather(*answers))
    assert statuses == [200] * len(green.received) + [408] * len(blue.received)


async def test_requests_over_the_limit_are_429_and_say_which_setting_to_raise(bed: GatewayBed, blue: Upstream) -> None:
    await bed.publish(build_endpoint(build_target(blue, max_in_flight=2)))
    held = [asyncio.create_task(bed.score("/hold")) for _ in range(2)]
    await wait_until(lambda: len(blue.received) == 2)
    refused = await bed.score()
    assert error_of(refused) == (429, "TooManyRequests")
    assert "max_concurrent_requests_per_instance" in refused.json()["error"]["message"]
    assert (await bed.gateway.observe_requests("orders"))["blue"].refused_total == 1
    assert await bed.gateway.observe_in_flight("orders") == {"blue-1": 2}
    blue.released.set()
    assert [answer.status_code for answer in await asyncio.gather(*held)] == [200, 200]
    assert (await bed.score()).status_code == 200


async def test_an_instance_that_dies_with_a_request_in_hand_is_424_and_the_request_is_not_repeated(
    bed: GatewayBed, blue: Upstream
) -> None:
    answer = await bed.score("/die")
    assert error_of(answer) == (424, "InstanceLost")
    assert answer.headers["ms-azureml-model-error-reason"] == "instance-lost"
    assert answer.headers["ms-azureml-model-error-statuscode"] == "502"
    assert len(blue.received) == 1


async def test_an_answer_that_is_not_http_is_424(bed: GatewayBed) -> None:
    answer = await bed.score("/garbage")
    assert error_of(answer) == (424, "InvalidAnswer")
    assert answer.headers["ms-azureml-model-error-reason"] == "invalid-answer"


@pytest.mark.parametrize("draining", [False, True])
async def test_without_an_instance_to_send_to_it_is_503(bed: GatewayBed, blue: Upstream, draining: bool) -> None:
    hosts = (blue.host(draining=True),) if draining else ()
    await bed.publish(build_endpoint(build_target(blue, hosts=hosts)))
    assert error_of(await bed.score()) == (503, "NoInstanceReady")
    assert not blue.received


async def test_an_instance_that_cannot_be_reached_is_503(bed: GatewayBed) -> None:
    gone = Upstream("blue", port=free_port())
    await bed.publish(build_endpoint(build_target(gone)))
    assert error_of(await bed.score()) == (503, "NoInstanceReady")


async def test_a_large_body_reaches_another_instance_when_the_first_cannot_be_reached(
    bed: GatewayBed, blue: Upstream
) -> None:
    gone = [replace(blue.host(), instance_id=f"gone-{number}", port=free_port()) for number in range(2)]
    await bed.publish(build_endpoint(build_target(blue, hosts=(blue.host(), *gone))))
    answers = [await bed.score(content=bytes(4 * 1024 * 1024)) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200] * 4
