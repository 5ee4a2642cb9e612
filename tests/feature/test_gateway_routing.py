"""Who may call an endpoint and which deployment answers (spec/azureml.md §1.6, spec/wire.md §6)."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest

from tests.harness.envoy import OTHER_KEY, GatewayBed, build_endpoint, build_target, running_gateway
from tests.harness.upstreams import Upstream, running_upstream


@pytest.fixture
async def blue() -> AsyncIterator[Upstream]:
    async with running_upstream("blue") as upstream:
        yield upstream


@pytest.fixture
async def bed(blue: Upstream) -> AsyncIterator[GatewayBed]:
    """Blue has all the traffic, green none; `idle` has no live traffic at all."""
    async with AsyncExitStack() as stack:
        green = await stack.enter_async_context(running_upstream("green"))
        orders = build_endpoint(build_target(blue), build_target(green))
        idle = build_endpoint(build_target(blue), traffic={}, name="idle")
        yield await stack.enter_async_context(running_gateway(orders, idle))


def error_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"] == answer.headers["x-ms-request-id"]
    error = answer.json()["error"]
    assert error["message"]
    return answer.status_code, error["code"]


async def test_either_key_is_valid(bed: GatewayBed) -> None:
    assert (await bed.score()).status_code == 200
    assert (await bed.score(headers={"authorization": f"Bearer {OTHER_KEY}"})).status_code == 200


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
async def test_the_schemes_case_does_not_matter_and_the_keys_does(bed: GatewayBed, scheme: str) -> None:
    assert (await bed.score(headers={"authorization": f"{scheme} {OTHER_KEY}"})).status_code == 200
    for wrong in (OTHER_KEY.swapcase(), "wrong"):
        assert (await bed.score(headers={"authorization": f"{scheme} {wrong}"})).status_code == 401


async def test_clients_are_not_told_what_an_instance_runs_on(bed: GatewayBed) -> None:
    assert (await bed.score()).headers.get_list("server") == ["teal"]


@pytest.mark.parametrize("authorization", ["Bearer wrong", "Bearer", "", OTHER_KEY, f"Basic {OTHER_KEY}"])
async def test_wrong_key_is_401(bed: GatewayBed, authorization: str) -> None:
    answer = await bed.score(headers={"authorization": authorization})
    assert error_of(answer) == (401, "Unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_missing_key_is_401(bed: GatewayBed) -> None:
    del bed.client.headers["authorization"]
    assert error_of(await bed.score()) == (401, "Unauthorized")


async def test_an_endpoint_without_keys_lets_nobody_in(bed: GatewayBed, blue: Upstream) -> None:
    await bed.publish(build_endpoint(build_target(blue), keys=()))
    assert error_of(await bed.score()) == (401, "Unauthorized")


async def test_unknown_endpoint_is_404_before_any_key_is_looked_at(bed: GatewayBed) -> None:
    answer = await bed.score(endpoint="nobody", headers={"authorization": "Bearer wrong"})
    assert error_of(answer) == (404, "EndpointNotFound")


async def test_wrong_key_is_401_before_the_deployment_is_looked_at(bed: GatewayBed) -> None:
    answer = await bed.score(headers={"authorization": "Bearer wrong", "azureml-model-deployment": "nobody"})
    assert error_of(answer) == (401, "Unauthorized")


async def test_unknown_deployment_in_the_header_is_404_and_named(bed: GatewayBed) -> None:
    answer = await bed.score(headers={"azureml-model-deployment": 'no"body'})
    assert error_of(answer) == (404, "DeploymentNotFound")
    assert "'no\"body'" in answer.json()["error"]["message"]


async def test_no_live_traffic_is_404_but_a_named_deployment_answers(bed: GatewayBed) -> None:
    assert error_of(await bed.score(endpoint="idle")) == (404, "NoLiveTraffic")
    answer = await bed.score(endpoint="idle", headers={"azureml-model-deployment": "blue"})
    assert answer.status_code == 200


@pytest.mark.parametrize("name", ["green", "GREEN"])
async def test_the_header_wins_over_the_weights_also_at_0_percent_and_in_any_case(bed: GatewayBed, name: str) -> None:
    answer = await bed.score(headers={"azureml-model-deployment": name})
    assert answer.json()["name"] == answer.headers["azureml-model-deployment"] == "green"


async def test_an_empty_header_names_no_deployment(bed: GatewayBed) -> None:
    assert (await bed.score(headers={"azureml-model-deployment": ""})).json()["name"] == "blue"


async def test_a_retired_deployment_is_not_reached_even_by_name(bed: GatewayBed, blue: Upstream) -> None:
    async with running_upstream("green") as green:
        retired = build_target(blue, retired=True)
        await bed.publish(build_endpoint(build_target(green), retired))
        answer = await bed.score(headers={"azureml-model-deployment": "blue"})
        assert error_of(answer) == (404, "DeploymentNotFound")


@pytest.mark.parametrize(
    ("below", "arrives"),
    [
        ("/score", "/score"),
        ("/score?x=1&y=/a", "/score?x=1&y=/a"),
        ("", "/"),
        ("/", "/"),
        ("/v2/models/m/infer", "/v2/models/m/infer"),
        ("/endpoints/orders/score", "/endpoints/orders/score"),
        ("//twice", "//twice"),
    ],
)
async def test_everything_below_the_endpoint_belongs_to_the_deployment(
    bed: GatewayBed, below: str, arrives: str
) -> None:
    assert (await bed.score(below)).json()["path"] == arrives


async def test_a_longer_name_is_another_endpoint(bed: GatewayBed) -> None:
    assert error_of(await bed.score(endpoint="orders2")) == (404, "EndpointNotFound")


async def test_the_instance_sees_who_it_is_and_no_key(bed: GatewayBed) -> None:
    forged = {"x-teal-deployment": "green", "x-mirrored": "1", "x-envoy-upstream-rq-timeout-ms": "1"}
    seen = (await bed.score(headers=forged)).json()["headers"]
    assert seen["x-teal-deployment"] == "blue"
    assert seen.keys().isdisjoint({"authorization", "x-mirrored", "x-envoy-upstream-rq-timeout-ms"})


async def test_the_instance_is_told_how_long_it_has_for_the_first_byte(bed: GatewayBed) -> None:
    forged = {"x-envoy-expected-rq-timeout-ms": "1"}
    assert (await bed.score(headers=forged)).json()["headers"]["x-envoy-expected-rq-timeout-ms"] == "10000"


async def test_an_answer_carries_no_header_of_the_proxy(bed: GatewayBed) -> None:
    for request in ({}, {"headers": {"authorization": "wrong"}}, {"endpoint": "nobody"}):
        answer = await bed.score(**request)
        assert not [name for name in answer.headers if name.startswith("x-envoy")]
        assert answer.headers["server"] == "teal"


async def test_the_answer_names_the_deployment_and_the_request(bed: GatewayBed) -> None:
    answer = await bed.score(headers={"x-request-id": "mine", "x-ms-client-request-id": "c" * 50})
    assert answer.headers["azureml-model-deployment"] == "blue"
    assert (
        answer.headers["x-request-id"] == answer.headers["x-ms-request-id"] == answer.json()["headers"]["x-request-id"]
    )
    assert answer.headers["x-request-id"] != "mine"
    assert answer.headers["x-ms-client-request-id"] == "c" * 40


async def test_http2_without_tls_is_spoken(bed: GatewayBed) -> None:
    async with httpx.AsyncClient(http1=False, http2=True, headers=bed.client.headers) as client:
        answer = await client.post(bed.client.base_url.join("/endpoints/orders/score"), json={})
    assert (answer.status_code, answer.http_version) == (200, "HTTP/2")


async def test_large_bodies_pass(bed: GatewayBed) -> None:
    size = 120 * 1024 * 1024
    assert (await bed.score(content=bytes(size))).json()["body_bytes"] == size


async def test_a_body_of_unknown_length_passes(bed: GatewayBed) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 1000

    assert (await bed.score(content=chunks())).json()["body_bytes"] == 10_000


async def test_answers_that_break_off_do_so_for_the_client_and_their_instance_is_not_passed_over(
    blue: Upstream,
) -> None:
    async with running_upstream("other") as other:
        both = build_target(blue, hosts=(blue.host(), other.host()))
        async with running_gateway(build_endpoint(both)) as bed:
            for _ in range(40):  # which of the two it is, is random
                with pytest.raises(httpx.RemoteProtocolError):
                    await bed.score("/break_off")
            assert min(len(blue.received), len(other.received)) >= 3
            before = len(blue.received), len(other.received)
            for _ in range(40):
                assert (await bed.score()).status_code == 200
            assert len(blue.received) > before[0]
            assert len(other.received) > before[1]


async def test_a_deployment_that_nobody_asked_for_has_had_no_requests() -> None:
    async with (
        running_upstream("blue") as blue,
        running_upstream("green") as green,
        running_gateway(build_endpoint(build_target(blue), build_target(green))) as bed,
    ):
        await bed.score()
        seen = await bed.gateway.observe_requests("orders")
    assert {name: traffic.requests_total for name, traffic in seen.items()} == {"blue": 1, "green": 0}
