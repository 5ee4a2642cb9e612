"""Requests are divided by the weights, request by request (spec/azureml.md §0.8)."""

import asyncio
import math
from contextlib import AsyncExitStack

import pytest

from tests.harness.envoy import build_endpoint, build_target, running_gateway
from tests.harness.upstreams import running_upstream
from tests.harness.waiting import wait_until

# Far enough out that a right split fails once in some ten thousand runs.
SIGMAS = 4.0


@pytest.mark.parametrize(
    "traffic",
    [{"blue": 90, "green": 10}, {"blue": 50, "green": 50}, {"blue": 60, "green": 30, "red": 10}, {"green": 100}],
)
async def test_every_deployment_gets_its_share(traffic: dict[str, int]) -> None:
    async with AsyncExitStack() as stack:
        upstreams = [await stack.enter_async_context(running_upstream(name)) for name in ("blue", "green", "red")]
        model = build_endpoint(*(build_target(upstream) for upstream in upstreams), traffic=traffic)
        bed = await stack.enter_async_context(running_gateway(model))
        sent = 2000
        for _ in range(sent):
            assert (await bed.score(method="GET")).status_code == 200
        for upstream in upstreams:
            share = traffic.get(upstream.name, 0) / 100
            allowed = SIGMAS * math.sqrt(sent * share * (1 - share))
            assert abs(len(upstream.received) - sent * share) <= allowed


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
