"""What one endpoint may use, and the errors of instances that know nothing of Teal (spec/azureml.md §1.5, §1.6)."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from teal.domain.endpoint_settings import Limits
from teal.gateway.model import EndpointModel, Target
from tests.harness.envoy import KEY, GatewayBed, build_endpoint, build_target, running_gateway, running_load
from tests.harness.http2 import request_http2
from tests.harness.raw_http import exchange
from tests.harness.upstreams import Upstream, running_upstream
from tests.harness.waiting import wait_until


@pytest.fixture
async def blue() -> AsyncIterator[Upstream]:
    async with running_upstream("blue") as upstream:
        yield upstream


@pytest.fixture
async def bed() -> AsyncIterator[GatewayBed]:
    async with running_gateway() as bed:
        yield bed


def draining(target: Target) -> Target:
    return replace(target, hosts=tuple(replace(host, draining=True) for host in target.hosts))


def limited(blue: Upstream, **limits: int) -> EndpointModel:
    return build_endpoint(build_target(blue), limits=Limits(**limits))


async def test_requests_beyond_the_rate_are_429_and_say_which_setting(bed: GatewayBed, blue: Upstream) -> None:
    await bed.publish(limited(blue, requests_per_s=5))
    started = time.monotonic()
    answers = [await bed.score() for _ in range(40)]
    most = 5 + 5 * (time.monotonic() - started) + 1
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 5 <= len(blue.received) <= most
    assert len(refused) == 40 - len(blue.received)
    error = refused[0].json()["error"]
    assert error["code"] == "RateLimited"
    assert "max_requests_per_second" in error["message"]
    assert refused[0].headers["x-request-id"]


async def test_requests_without_a_key_take_nothing_from_the_rate(bed: GatewayBed, blue: Upstream) -> None:
    await bed.publish(limited(blue, requests_per_s=3))
    for _ in range(20):
        assert (await bed.score(headers={"authorization": "Bearer wrong"})).status_code == 401
        assert (await bed.score(headers={"azureml-model-deployment": "nobody"})).status_code == 404
    assert [(await bed.score()).status_code for _ in range(3)] == [200] * 3


async def test_named_deployments_and_the_split_draw_from_one_rate(bed: GatewayBed, blue: Upstream) -> None:
    async with running_upstream("green") as green:
        both = build_target(blue), build_target(green)
        await bed.publish(build_endpoint(*both, traffic={"blue": 50, "green": 50}, limits=Limits(requests_per_s=2)))
        statuses: Counter[int] = Counter()
        for number in range(12):
            named = {"azureml-model-deployment": "green"} if number % 2 else {}
            statuses[(await bed.score(headers=named)).status_code] += 1
        assert statuses[429] >= 6


async def test_requests_in_hand_beyond_the_endpoints_limit_are_429_whichever_deployment_has_them(
    bed: GatewayBed, blue: Upstream
) -> None:
    async with running_upstream("green") as green:
        both = build_target(blue), build_target(green)
        model = build_endpoint(*both, traffic={"blue": 50, "green": 50}, limits=Limits(requests_in_hand=6))
        await bed.publish(model)
        held = [asyncio.create_task(bed.score("/hold")) for _ in range(6)]
        await wait_until(lambda: len(blue.received) + len(green.received) == 6)
        for _ in range(3):
            assert (await bed.score(headers={"authorization": "Bearer wrong"})).status_code == 401
        refused = await bed.score(headers={"azureml-model-deployment": "green"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "TooManyInHand")
        assert "max_requests_in_hand" in refused.json()["error"]["message"]
        assert refused.headers["x-ms-request-id"]
        blue.released.set()
        green.released.set()
        assert [answer.status_code for answer in await asyncio.gather(*held)] == [200] * 6
        assert (await bed.score()).status_code == 200


async def test_a_request_is_in_hand_until_its_answer_has_ended_or_its_client_is_gone(
    bed: GatewayBed, blue: Upstream
) -> None:
    await bed.publish(limited(blue, requests_in_hand=1))
    for _ in range(3):
        request = bed.client.build_request(
            "POST", "/endpoints/orders/stream?chunks=2&every_ms=100000&first_ms=0", json={}
        )
        streaming = await bed.client.send(request, stream=True)
        assert (await bed.score()).status_code == 429
        await streaming.aclose()

        async def is_free() -> bool:
            return (await bed.score()).status_code == 200

        await wait_until(is_free)


async def test_a_limit_is_changed_live(bed: GatewayBed, blue: Upstream) -> None:
    await bed.publish(limited(blue, requests_per_s=1_000_000))
    async with running_load(bed) as load:
        for number in range(10):
            await bed.publish(limited(blue, requests_per_s=1_000_000 + number, max_request_bytes=1000 + number))
            await load.more(20)
    assert load.bad == []


async def test_a_body_that_is_too_large_is_413_before_it_is_read(bed: GatewayBed, blue: Upstream) -> None:
    await bed.publish(limited(blue, max_request_bytes=1000))
    assert (await bed.score(content=bytes(1000))).json()["body_bytes"] == 1000
    answer = await bed.score(content=bytes(1001))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "RequestTooLarge")
    assert len(blue.received) == 1


async def test_a_body_of_unknown_length_is_413_once_it_is_too_large(bed: GatewayBed, blue: Upstream) -> None:
    async def chunks(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield bytes(100)

    await bed.publish(limited(blue, max_request_bytes=1000))
    assert (await bed.score(content=chunks(10))).json()["body_bytes"] == 1000
    answer = await bed.score(content=chunks(11))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "RequestTooLarge")
    assert len(blue.received) == 1


async def test_a_body_of_known_length_is_passed_on_as_it_comes(bed: GatewayBed, blue: Upstream) -> None:
    async with running_upstream("green") as green:
        both = build_target(blue), build_target(green)
        limits = Limits(max_request_bytes=1000)
        await bed.publish(build_endpoint(*both, traffic={"blue": 50, "green": 50}, limits=limits))
        for named in ("", "azureml-model-deployment: blue\r\n", "azureml-model-deployment: green\r\n"):
            before = len(blue.received) + len(green.received)
            reader, writer = await asyncio.open_connection("127.0.0.1", bed.settings.port)
            head = f"POST /endpoints/orders/score HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n{named}"
            writer.write(f"{head}Content-Length: 10\r\n\r\nhalf ".encode())
            await wait_until(lambda: len(blue.received) + len(green.received) == before + 1)  # noqa: B023
            writer.write(b"whole")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            writer.close()


async def test_bandwidth_is_slowed_down_not_refused_and_said_in_trailers(bed: GatewayBed, blue: Upstream) -> None:
    await bed.publish(limited(blue, bandwidth_kib_per_s=512))
    answer = await request_http2(
        bed.settings.port, f"/endpoints/orders/large?bytes={1024 * 1024}", {"authorization": f"Bearer {KEY}"}
    )
    assert answer.headers[":status"] == "200"
    assert len(answer.body) == 1024 * 1024
    assert int(answer.trailers["ms-azureml-bandwidth-response-delay-ms"]) > 0


async def test_delays_are_said_after_an_answer_in_chunks_too(bed: GatewayBed, blue: Upstream) -> None:
    await bed.publish(limited(blue, bandwidth_kib_per_s=1))
    head = f"POST /endpoints/orders/stream?chunks=300&every_ms=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
    answer = await exchange(bed.settings.port, f"{head}Connection: close\r\nContent-Length: 0\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200 ")
    body, _, trailers = answer.rpartition(b"\r\n0\r\n")
    # It may come in pieces, each with its size in front.
    assert b"chunk 299\n" in re.sub(rb"\r\n[0-9a-f]+\r\n", b"", body)
    assert b"ms-azureml-bandwidth-response-delay-ms: " in trailers


async def test_a_foreign_instances_error_is_424_with_its_status_beside_and_its_body(
    bed: GatewayBed, blue: Upstream
) -> None:
    await bed.publish(build_endpoint(build_target(blue, foreign=True)))
    for code in (500, 503, 404, 400, 302):
        answer = await bed.score(f"/status?code={code}")
        assert answer.status_code == 424
        assert answer.headers["ms-azureml-model-error-statuscode"] == str(code)
        assert answer.headers["ms-azureml-model-error-reason"] == "model-error"
        assert answer.text == "model's body"
    answer = await bed.score("/status?code=201")
    assert answer.status_code == 201
    assert "ms-azureml-model-error-statuscode" not in answer.headers


async def test_an_instance_of_ours_answers_for_itself(bed: GatewayBed, blue: Upstream) -> None:
    await bed.publish(build_endpoint(build_target(blue)))
    assert (await bed.score("/status?code=500")).status_code == 500


async def test_what_the_gateway_answers_for_a_foreign_instance_stays_as_it_is(bed: GatewayBed, blue: Upstream) -> None:
    target = build_target(blue, foreign=True, request_timeout_ms=200)
    await bed.publish(build_endpoint(target))
    assert (await bed.score("/silent")).status_code == 408
    lost = await bed.score("/die")
    assert (lost.status_code, lost.headers["ms-azureml-model-error-reason"]) == (424, "instance-lost")


async def test_a_total_time_limit_ends_a_stream_only_where_one_is_set(bed: GatewayBed, blue: Upstream) -> None:
    target = build_target(blue, request_timeout_ms=300, total_timeout_ms=600)
    await bed.publish(build_endpoint(target))
    with pytest.raises(httpx.RemoteProtocolError):
        await bed.score("/stream?chunks=20&every_ms=100")
    await bed.publish(build_endpoint(replace(target, total_timeout_ms=None)))
    assert len((await bed.score("/stream?chunks=12&every_ms=100")).text.splitlines()) == 12


async def test_a_lost_request_is_sent_again_only_where_that_does_no_harm(bed: GatewayBed, blue: Upstream) -> None:
    await bed.publish(build_endpoint(build_target(blue)))
    assert (await bed.score("/die")).status_code == 424
    assert len(blue.received) == 1
    await bed.publish(build_endpoint(build_target(blue), idempotent=True))
    assert (await bed.score("/die")).status_code == 424
    assert len(blue.received) > 2


async def test_a_request_that_ran_out_of_time_is_not_sent_again(bed: GatewayBed, blue: Upstream) -> None:
    await bed.publish(build_endpoint(build_target(blue, request_timeout_ms=300), idempotent=True))
    late = await bed.score("/silent")
    assert (late.status_code, late.json()["error"]["code"]) == (408, "RequestTimeout")
    assert len(blue.received) == 1


async def test_a_request_that_ran_out_of_time_is_lost_when_its_instance_was_taken_away_meanwhile(
    bed: GatewayBed, blue: Upstream
) -> None:
    target = build_target(blue, request_timeout_ms=1_000)
    await bed.publish(build_endpoint(target, idempotent=True))
    late = asyncio.create_task(bed.score("/silent"))
    await wait_until(lambda: blue.received)
    await bed.publish(build_endpoint(draining(target), idempotent=True))
    answer = await late
    assert (answer.status_code, answer.json()["error"]["code"]) == (424, "InstanceLost")


async def test_a_client_cannot_say_that_a_request_ran_out_of_time(bed: GatewayBed, blue: Upstream) -> None:
    await bed.publish(build_endpoint(build_target(blue), idempotent=True))
    says_so = {"x-envoy-is-timeout-retry": "true"}
    assert (await bed.score(headers=says_so)).status_code == 200
    assert (await bed.score(headers={**says_so, "authorization": "Bearer wrong"})).status_code == 401


async def test_a_request_that_no_instance_has_had_finds_none_ready(bed: GatewayBed, blue: Upstream) -> None:
    for idempotent in (False, True):
        await bed.publish(build_endpoint(draining(build_target(blue)), idempotent=idempotent))
        answer = await bed.score()
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "NoInstanceReady")


async def test_refusals_carry_no_header_of_envoys(bed: GatewayBed, blue: Upstream) -> None:
    await bed.publish(build_endpoint(build_target(blue, max_in_flight=1)))
    held = asyncio.create_task(bed.score("/hold"))
    await wait_until(lambda: blue.received)
    refused = await bed.score()
    blue.released.set()
    answers = [refused, await held]
    assert [answer.status_code for answer in answers] == [429, 200]
    assert not [name for answer in answers for name in answer.headers if name.startswith("x-envoy")]


async def test_a_query_may_follow_the_endpoints_name_directly(bed: GatewayBed, blue: Upstream) -> None:
    await bed.publish(build_endpoint(build_target(blue)))
    assert (await bed.score("?x=1")).json()["path"] == "/?x=1"
    assert (await bed.score("/?x=1")).json()["path"] == "/?x=1"
    assert (await bed.score("?x=a/b/c")).json()["path"] == "/?x=a/b/c"
    assert "x-teal-scope" not in (await bed.score()).json()["headers"]
