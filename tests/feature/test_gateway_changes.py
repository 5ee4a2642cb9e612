"""Clients notice nothing of a change: every test here sends requests all the time and allows no failure."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import pytest

from tests.harness.envoy import OTHER_KEY, GatewayBed, build_endpoint, build_target, running_gateway, running_load
from tests.harness.ports import free_port
from tests.harness.upstreams import Upstream, running_upstream
from tests.harness.waiting import wait_until


@dataclass
class Scene:
    bed: GatewayBed
    blue: Upstream
    green: Upstream


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        blue = await stack.enter_async_context(running_upstream("blue"))
        green = await stack.enter_async_context(running_upstream("green"))
        bed = await stack.enter_async_context(running_gateway(build_endpoint(build_target(blue))))
        yield Scene(bed, blue, green)


async def test_weights_flip_back_and_forth(scene: Scene) -> None:
    blue_only = build_endpoint(build_target(scene.blue), build_target(scene.green), traffic={"blue": 100})
    green_only = replace(blue_only, traffic={"green": 100})
    async with running_load(scene.bed) as load:
        for _ in range(20):
            for model, name in ((green_only, "green"), (blue_only, "blue")):
                await scene.bed.publish(model)
                # Those on their way at the moment of the change may still have gone by the old weights.
                await load.more(16)
                start = len(load.answers)
                await load.more(10)
                assert load.deployments_since(start) == {name}
    assert load.bad == []


async def test_a_deployment_is_added_takes_over_and_the_other_one_goes(scene: Scene) -> None:
    blue, green = build_target(scene.blue), build_target(scene.green)
    async with running_load(scene.bed) as load:
        for _ in range(5):
            for model in (
                build_endpoint(blue, green, traffic={"blue": 100}),
                build_endpoint(blue, green, traffic={"blue": 100}, mirror={"green": 50}),
                build_endpoint(blue, green, traffic={"blue": 90, "green": 10}),
                build_endpoint(green),
                build_endpoint(blue),
            ):
                await scene.bed.publish(model)
                await load.more(20)
    assert load.bad == []


async def test_everything_about_a_deployment_changes_at_once(scene: Scene) -> None:
    async with running_load(scene.bed) as load:
        for number in range(10):
            limits = build_target(scene.blue, max_in_flight=100 + number, request_timeout_ms=5_000 + number)
            await scene.bed.publish(build_endpoint(limits))
            await load.more(20)
    assert load.bad == []


async def test_changes_that_overtake_each_other_end_with_the_last_one(scene: Scene) -> None:
    blue, green = build_target(scene.blue), build_target(scene.green)
    async with running_load(scene.bed) as load:
        for number in range(30):
            more = replace(green, max_in_flight=50 + number)
            scene.bed.gateway.publish(build_endpoint(blue, more, traffic={"blue": 50, "green": 50}))
            scene.bed.gateway.publish(build_endpoint(blue, mirror={}))
            scene.bed.gateway.publish(build_endpoint(blue, more, traffic={"green": 100}, mirror={"blue": 10}))
        await scene.bed.publish(build_endpoint(green))
        await load.more(20)
        start = len(load.answers)
        await load.more(20)
    assert load.bad == []
    assert load.deployments_since(start) == {"green"}
    clusters = {status["name"] for status in (await scene.bed.admin("/clusters?format=json"))["cluster_statuses"]}
    assert {name for name in clusters if name.startswith("orders/")} == {"orders/green"}


async def test_a_draining_instance_finishes_what_it_has_and_gets_nothing_new(scene: Scene) -> None:
    both = build_target(scene.blue, hosts=(scene.blue.host(), scene.green.host()))
    await scene.bed.publish(build_endpoint(both))
    held = [asyncio.create_task(scene.bed.score("/hold")) for _ in range(4)]
    await wait_until(lambda: len(scene.blue.received) + len(scene.green.received) == 4)
    in_hand = len(scene.blue.received)
    assert in_hand > 0
    drained = build_target(scene.blue, hosts=(scene.blue.host(draining=True), scene.green.host()))
    await scene.bed.publish(build_endpoint(drained))
    for _ in range(50):
        assert (await scene.bed.score()).json()["name"] == "green"
    assert len(scene.blue.received) == in_hand
    assert (await scene.bed.gateway.observe_in_flight("orders"))["blue-1"] == in_hand
    scene.blue.released.set()
    scene.green.released.set()
    assert {answer.status_code for answer in await asyncio.gather(*held)} == {200}


async def test_draining_is_in_force_when_it_is_acknowledged_however_often_it_changes(scene: Scene) -> None:
    hosts = scene.blue.host(), scene.green.host()
    async with running_load(scene.bed, workers=4) as load:
        for number in range(10):
            drained = tuple(replace(host, draining=place == number % 2) for place, host in enumerate(hosts))
            await scene.bed.publish(build_endpoint(build_target(scene.blue, hosts=drained)))
            await load.more(8)
            idle = (scene.blue, scene.green)[number % 2]
            received = len(idle.received)
            await load.more(20)
            assert len(idle.received) == received
    assert load.bad == []


async def test_requests_in_hand_survive_the_removal_of_their_deployment(scene: Scene) -> None:
    await scene.bed.publish(build_endpoint(build_target(scene.blue), build_target(scene.green)))
    held = asyncio.create_task(scene.bed.score("/hold"))
    await wait_until(lambda: scene.blue.received)
    await scene.bed.publish(build_endpoint(build_target(scene.green)))
    assert (await scene.bed.score()).json()["name"] == "green"
    scene.blue.released.set()
    assert (await held).json()["name"] == "blue"


async def test_a_dead_instance_is_avoided_before_anybody_takes_it_out(scene: Scene) -> None:
    dead = replace(scene.green.host(), port=free_port())
    await scene.bed.publish(build_endpoint(build_target(scene.blue, hosts=(scene.blue.host(), dead))))
    async with running_load(scene.bed, workers=16) as load:
        await load.more(500)
    assert load.bad == []


async def test_a_key_is_rotated_while_holders_of_the_other_one_call(scene: Scene) -> None:
    model = build_endpoint(build_target(scene.blue))
    async with running_load(scene.bed) as load:
        for number in range(10):
            await scene.bed.publish(replace(model, keys=(model.keys[0], f"new-{number}")))
            await load.more(10)
    assert load.bad == []
    assert (await scene.bed.score(headers={"authorization": f"Bearer {OTHER_KEY}"})).status_code == 401
    assert (await scene.bed.score(headers={"authorization": "Bearer new-9"})).status_code == 200


async def test_a_request_stays_in_the_hands_of_its_instance_when_a_limit_changes(scene: Scene) -> None:
    """Envoy forgets it: a changed cluster counts from 0."""
    held = asyncio.create_task(scene.bed.score("/hold"))
    await wait_until(lambda: scene.blue.received)
    for limit in (50, 60):
        await scene.bed.publish(build_endpoint(build_target(scene.blue, max_in_flight=limit)))
        assert await scene.bed.gateway.observe_in_flight("orders") == {"blue-1": 1}
    scene.blue.released.set()
    assert (await held).status_code == 200

    async def is_idle() -> bool:
        return await scene.bed.gateway.observe_in_flight("orders") == {"blue-1": 0}

    await wait_until(is_idle)


async def test_a_withdrawn_endpoint_is_gone_and_may_come_back(scene: Scene) -> None:
    for _ in range(3):
        scene.bed.gateway.withdraw("orders")
        assert (await scene.bed.gateway.wait_in_force("orders", None, 10)).version is None
        assert (await scene.bed.score()).status_code == 404
        await scene.bed.publish(build_endpoint(build_target(scene.blue)))
        assert (await scene.bed.score()).status_code == 200


async def test_an_endpoint_withdrawn_as_soon_as_it_was_published_keeps_no_other_one_waiting(scene: Scene) -> None:
    for number in range(3):
        name = f"short-{number}"
        scene.bed.gateway.publish(build_endpoint(build_target(scene.blue), name=name))
        scene.bed.gateway.withdraw(name)
        assert (await scene.bed.gateway.wait_in_force(name, None, 15.0)).version is None
    await scene.bed.publish(build_endpoint(build_target(scene.green), name="other"))
