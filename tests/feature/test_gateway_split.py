"""Requests are divided by the weights, exactly, or by a key of the caller (spec/azureml.md §0.8)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest

from teal.domain.endpoint_settings import KeySource, TrafficKey
from tests.harness.envoy import GatewayBed, build_endpoint, build_target, running_gateway
from tests.harness.http2 import request_http2
from tests.harness.upstreams import Upstream, running_upstream
from tests.harness.waiting import wait_until

# Every worker thread counts by itself (`running_gateway`).
WORKERS = 2


@pytest.fixture
async def upstreams() -> AsyncIterator[list[Upstream]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(running_upstream(name)) for name in ("blue", "green", "red")]


@pytest.fixture
async def bed() -> AsyncIterator[GatewayBed]:
    async with running_gateway() as bed:
        yield bed


async def send(bed: GatewayBed, count: int, **request: Any) -> list[str]:
    """Who answered, over several connections at once and so by all workers."""

    async def work() -> list[str]:
        return [(await bed.score(method="GET", **request)).json()["name"] for _ in range(count // 10)]

    return [name for names in await asyncio.gather(*(work() for _ in range(10))) for name in names]


@pytest.mark.parametrize(
    "traffic",
    [
        {"blue": 90, "green": 10},
        {"blue": 50, "green": 50},
        {"blue": 60, "green": 30, "red": 10},
        {"green": 100},
        {"blue": 99.5, "green": 0.5},
    ],
)
async def test_every_deployment_gets_exactly_its_share(
    bed: GatewayBed, upstreams: list[Upstream], traffic: dict[str, float]
) -> None:
    await bed.publish(build_endpoint(*map(build_target, upstreams), traffic=traffic))
    # Windows of no particular length: none of them may be off by more than the workers explain.
    for window in (40, 250, 610):
        answered = Counter(await send(bed, window))
        for name in ("blue", "green", "red"):
            slack = WORKERS * (1 if len(traffic) <= 2 else 2)
            assert abs(answered[name] - window * traffic.get(name, 0) / 100) <= slack


async def test_endpoints_are_counted_apart(bed: GatewayBed, upstreams: list[Upstream]) -> None:
    targets = [build_target(upstream) for upstream in upstreams[:2]]
    for name in ("first", "second"):
        await bed.publish(build_endpoint(*targets, traffic={"blue": 50, "green": 50}, name=name))
    # Alternating: counted together, one endpoint would get blue only, and the other one green.
    answered: dict[str, Counter[str]] = {"first": Counter(), "second": Counter()}
    for _ in range(50):
        for name in answered:
            answered[name][(await bed.score(endpoint=name)).json()["name"]] += 1
    assert all(abs(counter["blue"] - 25) <= WORKERS for counter in answered.values())


async def test_a_client_cannot_choose_by_the_header_of_the_split(bed: GatewayBed, upstreams: list[Upstream]) -> None:
    await bed.publish(build_endpoint(*map(build_target, upstreams), traffic={"blue": 90, "green": 10}))
    answered = Counter(await send(bed, 100, headers={"x-teal-split": "green"}))
    assert abs(answered["green"] - 10) <= WORKERS
    assert not any("x-teal-split" in request.headers for upstream in upstreams for request in upstream.received)


@pytest.mark.parametrize("outcome", ["green", "green copy", "green skip"])
async def test_nor_does_that_header_lead_past_a_refusal(
    bed: GatewayBed, upstreams: list[Upstream], outcome: str
) -> None:
    targets = [build_target(upstream) for upstream in upstreams]
    await bed.publish(build_endpoint(*targets, traffic={"blue": 90, "green": 10}, mirror={"red": 10}))
    forged = [("x-teal-split", outcome), ("X-Teal-Split", outcome)]
    wrong_key = await bed.score(headers=[("authorization", "Bearer wrong"), *forged])
    unknown = await bed.score(headers=[("azureml-model-deployment", "nobody"), *forged])
    http2 = await request_http2(bed.settings.port, "/endpoints/orders/score", dict(forged[:1]))
    assert (wrong_key.status_code, unknown.status_code, http2.headers[":status"]) == (401, 404, "401")
    assert not any(upstream.received for upstream in upstreams)


@pytest.mark.parametrize(
    ("key", "build_headers"),
    [
        (TrafficKey(KeySource.HEADER, "X-User"), lambda user: {"x-user": user}),
        (TrafficKey(KeySource.COOKIE, "sid"), lambda user: {"cookie": f"theme=dark; sid={user}"}),
    ],
)
async def test_callers_stay_where_they_are_and_move_only_to_what_grows(
    bed: GatewayBed, upstreams: list[Upstream], key: TrafficKey, build_headers: Callable[[str], dict[str, str]]
) -> None:
    async def assign(traffic: Mapping[str, float]) -> dict[str, str]:
        await bed.publish(build_endpoint(*map(build_target, upstreams), traffic=traffic, traffic_key=key))
        return {
            user: (await bed.score(method="GET", headers=build_headers(user))).json()["name"]
            for user in (f"user-{number}" for number in range(300))
        }

    first = await assign({"blue": 90, "green": 10})
    assert await assign({"blue": 90, "green": 10}) == first
    second = await assign({"blue": 75, "green": 25})
    assert 50 <= Counter(second.values())["green"] <= 100
    assert all(second[user] == "green" for user, name in first.items() if name == "green")


async def test_the_bearer_can_be_the_key(bed: GatewayBed, upstreams: list[Upstream]) -> None:
    keys = tuple(f"key-{number}" for number in range(40))
    model = build_endpoint(
        *map(build_target, upstreams),
        traffic={"blue": 50, "green": 50},
        keys=keys,
        traffic_key=TrafficKey(KeySource.BEARER),
    )
    await bed.publish(model)
    answered = {key: set(await send(bed, 10, headers={"authorization": f"Bearer {key}"})) for key in keys}
    assert all(len(names) == 1 for names in answered.values())
    assert 5 <= sum(names == {"blue"} for names in answered.values()) <= 35


async def test_without_a_key_a_sticky_split_is_an_exact_one(bed: GatewayBed, upstreams: list[Upstream]) -> None:
    key = TrafficKey(KeySource.HEADER, "x-user")
    await bed.publish(build_endpoint(*map(build_target, upstreams), traffic={"blue": 80, "green": 20}, traffic_key=key))
    assert abs(Counter(await send(bed, 100))["green"] - 20) <= WORKERS


async def test_requests_go_to_the_instance_with_the_fewest_in_hand() -> None:
    async with running_upstream("one") as one, running_upstream("two") as two:
        both = build_target(one, hosts=(one.host(), two.host()))
        async with running_gateway(build_endpoint(both)) as bed:
            held = []
            for number in range(1, 11):
                held.append(asyncio.create_task(bed.score("/hold")))
                await wait_until(lambda: len(one.received) + len(two.received) >= number)  # noqa: B023
            assert (len(one.received), len(two.received)) == (5, 5)
            one.released.set()
            two.released.set()
            await asyncio.gather(*held)
