"""Copies of live requests go to a shadow, which no client notices (spec/azureml.md §0.8, §0.9)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import pytest

from teal.gateway.clusters import MAX_MIRRORED_BODY_BYTES
from teal.gateway.model import Host
from tests.harness.envoy import GatewayBed, build_endpoint, build_target, running_gateway, running_load
from tests.harness.ports import free_port
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
    observed = (await scene.bed.gateway.observe_requests("orders"))["shadow"]
    assert (observed.mirrored_total, observed.mirror_dropped_total) == (2, 2)
    assert (await scene.bed.gateway.observe_in_flight("orders"))["shadow-1"] == 2


async def test_bodies_too_large_or_of_unknown_length_are_answered_and_not_copied_but_counted(scene: Scene) -> None:
    async def unknown() -> AsyncIterator[bytes]:
        yield b"x"

    await scene.mirror(100)
    for content in (bytes(MAX_MIRRORED_BODY_BYTES + 1), unknown()):
        assert (await scene.bed.score(content=content)).status_code == 200
    assert (await scene.bed.score(method="GET", content=b"")).status_code == 200
    await wait_until(lambda: [copy.method for copy in scene.shadow.copies] == ["GET"])
    assert (await scene.bed.gateway.observe_requests("orders"))["shadow"].mirror_skipped_total == 2


async def test_a_shadow_without_instances_is_not_noticed(scene: Scene) -> None:
    await scene.bed.publish(
        build_endpoint(
            build_target(scene.blue), build_target(scene.shadow, hosts=()), traffic={"blue": 100}, mirror={"shadow": 50}
        )
    )
    for _ in range(20):
        assert (await scene.bed.score()).status_code == 200


async def test_up_to_every_request_is_copied_and_every_copy_counted(scene: Scene) -> None:
    await scene.mirror(100, max_in_flight=3)
    answers = await asyncio.gather(*(scene.bed.score() for _ in range(40)))
    assert {answer.status_code for answer in answers} == {200}
    observed = (await scene.bed.gateway.observe_requests("orders"))["shadow"]
    assert observed.mirrored_total + observed.mirror_dropped_total == 40


async def wait_until_counted(scene: Scene, copies: int) -> None:
    async def is_counted() -> bool:
        seen = (await scene.bed.gateway.observe_requests("orders"))["shadow"]
        return seen.mirrored_total + seen.mirror_dropped_total + seen.mirror_skipped_total == copies

    await wait_until(is_counted)


@pytest.mark.parametrize("trouble", ["dead", "erroring", "frozen"])
async def test_a_shadow_in_trouble_changes_no_answer(scene: Scene, trouble: str) -> None:
    scene.shadow.frozen = trouble == "frozen"
    shadow = build_target(scene.shadow, max_in_flight=2)
    if trouble == "dead":
        shadow = replace(shadow, hosts=(Host("shadow-1", "127.0.0.1", free_port()),))
    scene.shadow.dying = trouble == "erroring"
    await scene.bed.publish(
        build_endpoint(build_target(scene.blue), shadow, traffic={"blue": 100}, mirror={"shadow": 100})
    )

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield bytes(1000)

    for content in (bytes(1000), bytes(1_000_000), chunks()):
        answers = [await scene.bed.score(content=content) for _ in range(3 if isinstance(content, bytes) else 1)]
        assert all(answer.is_success for answer in answers)
    # Not one live request was tried twice because of its copy.
    assert len(scene.blue.received) == 7
    await wait_until_counted(scene, 7)


@pytest.mark.parametrize("copies", ["frozen", "finishing"])
async def test_stopping_with_copies_under_way_is_clean(scene: Scene, copies: str) -> None:
    await scene.mirror(100)
    scene.blue.released.set()
    scene.green.released.set()
    await asyncio.gather(*(scene.bed.score("/hold", content=bytes(300_000)) for _ in range(20)))
    await wait_until(lambda: scene.shadow.copies)
    async with running_load(scene.bed) as load:
        await load.more(20)
        if copies == "finishing":
            scene.shadow.released.set()
        await scene.bed.gateway.stop()
    assert [answer for answer in load.answers if answer[0] != 200] == []
    assert "Caught" not in scene.bed.settings.log_file.read_text()
