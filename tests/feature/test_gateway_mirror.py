"""Copies of live requests go to a shadow, which no client notices (spec/azureml.md §0.8, §0.9)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from teal.gateway.clusters import MAX_MIRRORED_BODY_BYTES
from tests.harness.envoy import GatewayBed, build_endpoint, build_target, running_gateway
from tests.harness.upstreams import Upstream, running_upstream
from tests.harness.waiting import wait_until


@dataclass
class Scene:
    bed: GatewayBed
    blue: Upstream
    green: Upstream
    shadow: Upstream

    async def mirror(self, percent: int, *, max_in_flight: int = 100) -> None:
        await self.bed.publish(
            build_endpoint(
                build_target(self.blue),
                build_target(self.green),
                build_target(self.shadow, max_in_flight=max_in_flight, request_timeout_ms=20_000),
                traffic={"blue": 50, "green": 50},
                mirror={"shadow": percent},
            )
        )


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        blue, green, shadow = [
            await stack.enter_async_context(running_upstream(name)) for name in ("blue", "green", "shadow")
        ]
        yield Scene(await stack.enter_async_context(running_gateway()), blue, green, shadow)


async def test_a_copy_is_marked_and_carries_the_same_request_id(scene: Scene) -> None:
    await scene.mirror(100)
    answer = await scene.bed.score("/score?x=1")
    copy = await wait_until(lambda: scene.shadow.copies)
    assert copy[0].path == "/score?x=1"
    assert copy[0].headers["x-mirrored"] == "1"
    assert copy[0].headers["x-request-id"] == answer.headers["x-request-id"]
    assert copy[0].headers["x-teal-deployment"] == "shadow"
    assert copy[0].headers["x-envoy-expected-rq-timeout-ms"] == "20000"
    assert "authorization" not in copy[0].headers
    assert answer.json()["name"] in {"blue", "green"}


async def test_exactly_the_share_is_copied_of_every_live_deployment(scene: Scene) -> None:
    await scene.mirror(20)
    answers = [await scene.bed.score() for _ in range(500)]
    live = {answer.headers["x-request-id"]: answer.json()["name"] for answer in answers}
    observed = (await scene.bed.gateway.observe_requests("orders"))["shadow"]
    await wait_until(lambda: len(scene.shadow.copies) == observed.mirrored_total)
    copied_from = [live[copy.headers["x-request-id"]] for copy in scene.shadow.copies]
    # One worker answers all of this client's requests; another one would add its own request of slack.
    assert all(abs(copied_from.count(name) - 50) <= 2 for name in ("blue", "green"))


async def test_a_request_that_names_a_deployment_is_never_copied(scene: Scene) -> None:
    await scene.mirror(100)
    for name in ("blue", "green", "shadow"):
        assert (await scene.bed.score(headers={"azureml-model-deployment": name})).json()["name"] == name
    # Copies overtake nothing: once the copy of a later request is there, those of earlier ones would be.
    last = await scene.bed.score()
    await wait_until(lambda: scene.shadow.copies)
    assert [copy.headers["x-request-id"] for copy in scene.shadow.copies] == [last.headers["x-request-id"]]


async def test_a_frozen_shadow_takes_nothing_from_live_requests(scene: Scene) -> None:
    scene.shadow.frozen = True
    await scene.mirror(100, max_in_flight=2)
    body = bytes(MAX_MIRRORED_BODY_BYTES)
    answers = await asyncio.gather(*(scene.bed.score(content=body) for _ in range(4)))
    assert [answer.json()["body_bytes"] for answer in answers] == [len(body)] * 4
    observed = (await scene.bed.gateway.observe_traffic()).deployments["orders", "shadow"]
    assert (observed.mirrored_total, observed.mirror_dropped_total) == (2, 2)
    assert observed.in_flight == {"shadow-1": 2}


async def test_bodies_too_large_or_of_unknown_length_are_answered_and_not_copied_but_counted(scene: Scene) -> None:
    async def unknown() -> AsyncIterator[bytes]:
        yield b"x"

    await scene.mirror(100)
    for content in (bytes(MAX_MIRRORED_BODY_BYTES + 1), unknown()):
        assert (await scene.bed.score(content=content)).status_code == 200
    assert (await scene.bed.score(method="GET", content=b"")).status_code == 200
    await wait_until(lambda: [copy.method for copy in scene.shadow.copies] == ["GET"])
    observed = await scene.bed.gateway.observe_traffic()
    assert observed.deployments["orders", "shadow"].mirror_skipped_total == 2


async def test_a_shadow_without_instances_is_not_noticed(scene: Scene) -> None:
    await scene.bed.publish(
        build_endpoint(
            build_target(scene.blue), build_target(scene.shadow, hosts=()), traffic={"blue": 100}, mirror={"shadow": 50}
        )
    )
    for _ in range(20):
        assert (await scene.bed.score()).status_code == 200
