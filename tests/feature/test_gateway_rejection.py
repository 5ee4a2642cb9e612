"""What a gateway will not take is seen, stays with the endpoint that brought it, and the last good state goes on."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from teal.gateway.errors import GatewayRefused
from teal.gateway.model import EndpointModel
from teal.gateway.packing import pack
from teal.gateway.resources import EndpointResources, Kind, Resource, build_resources
from tests.harness.envoy import WITHIN_S, GatewayBed, build_endpoint, build_target, running_gateway
from tests.harness.upstreams import Upstream, running_upstream
from tests.harness.waiting import wait_until


@dataclass
class Scene:
    bed: GatewayBed
    blue: Upstream
    green: Upstream

    def publish_bad(self, model: EndpointModel, spoil: Callable[[EndpointResources], EndpointResources]) -> None:
        """Past the validation that would catch it: straight to the gateways."""
        self.bed.gateway._publications.publish(spoil(build_resources(model)))


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        blue = await stack.enter_async_context(running_upstream("blue"))
        green = await stack.enter_async_context(running_upstream("green"))
        models = build_endpoint(build_target(blue)), build_endpoint(build_target(blue), name="other")
        yield Scene(await stack.enter_async_context(running_gateway(*models)), blue, green)


def spoil_clusters(resources: EndpointResources) -> EndpointResources:
    name = next(iter(resources.of(Kind.CLUSTERS)))
    cluster = Cluster(name=name, type=Cluster.DiscoveryType.EDS)
    cluster.eds_cluster_config.service_name = "and no source to ask"
    return _with(resources, Kind.CLUSTERS, Resource(name, "bad", pack(cluster)))


def spoil_hosts(resources: EndpointResources) -> EndpointResources:
    name = next(iter(resources.of(Kind.HOSTS)))
    assignment = ClusterLoadAssignment(cluster_name=name)
    endpoint = assignment.endpoints.add().lb_endpoints.add().endpoint
    endpoint.address.socket_address.address = "not an address"
    endpoint.address.socket_address.port_value = 80
    return _with(resources, Kind.HOSTS, Resource(name, "bad", pack(assignment)))


def spoil_routes(resources: EndpointResources) -> EndpointResources:
    table = RouteConfiguration(name=resources.endpoint)
    host = table.virtual_hosts.add(name="bad", domains=["*"])
    host.routes.add().match.safe_regex.regex = "("
    return _with(resources, Kind.ROUTES, Resource(table.name, "bad", pack(table)))


SPOILERS = [spoil_clusters, spoil_hosts, spoil_routes]


@pytest.mark.parametrize("spoil", SPOILERS)
async def test_a_rejected_change_is_seen_and_the_last_good_state_stays(
    scene: Scene, spoil: Callable[[EndpointResources], EndpointResources]
) -> None:
    good = scene.bed.gateway.in_force("orders").version
    bad = build_endpoint(build_target(scene.green, max_in_flight=7), build_target(scene.blue))
    scene.publish_bad(bad, spoil)
    seen = await scene.bed.gateway.wait_in_force("orders", bad.version, WITHIN_S)
    assert seen.rejected
    assert (await scene.bed.score()).json()["name"] == "blue"
    # An unrelated endpoint changes as if nothing had happened; by then the first one is back to its last good state.
    await scene.bed.publish(build_endpoint(build_target(scene.green), name="other"))
    assert (await scene.bed.score(endpoint="other")).json()["name"] == "green"
    seen = scene.bed.gateway.in_force("orders")
    assert (seen.version, bool(seen.rejected), seen.pending) == (good, True, False)
    assert (await scene.bed.score()).json()["name"] == "blue"


@pytest.mark.parametrize("spoil", SPOILERS)
async def test_a_good_change_after_a_rejected_one_recovers(
    scene: Scene, spoil: Callable[[EndpointResources], EndpointResources]
) -> None:
    bad = build_endpoint(build_target(scene.green))
    scene.publish_bad(bad, spoil)
    assert (await scene.bed.gateway.wait_in_force("orders", bad.version, WITHIN_S)).rejected
    await scene.bed.publish(build_endpoint(build_target(scene.green, max_in_flight=9)))
    assert (await scene.bed.score()).json()["name"] == "green"


@pytest.mark.parametrize("spoil", SPOILERS)
async def test_a_rejected_new_endpoint_is_no_endpoint_and_can_be_withdrawn(
    scene: Scene, spoil: Callable[[EndpointResources], EndpointResources]
) -> None:
    new = build_endpoint(build_target(scene.green), name="new")
    scene.publish_bad(new, spoil)
    seen = await scene.bed.gateway.wait_in_force("new", new.version, WITHIN_S)
    assert (seen.version, bool(seen.rejected)) == (None, True)
    assert (await scene.bed.score(endpoint="new")).status_code == 404
    assert (await scene.bed.score()).status_code == 200
    scene.bed.gateway.withdraw("new")
    assert (await scene.bed.gateway.wait_in_force("new", None, WITHIN_S)).version is None


@pytest.mark.parametrize("spoil", SPOILERS)
async def test_a_rejected_endpoint_does_not_keep_a_starting_envoy_from_serving_the_others(
    scene: Scene, spoil: Callable[[EndpointResources], EndpointResources]
) -> None:
    bad = build_endpoint(build_target(scene.green))
    await scene.bed.gateway.stop()
    scene.publish_bad(bad, spoil)
    await scene.bed.gateway.start()
    await scene.bed.wait_listening()
    assert (await scene.bed.score(endpoint="other")).status_code == 200
    assert (await scene.bed.gateway.wait_in_force("orders", bad.version, WITHIN_S)).rejected

    async def is_good_again() -> bool:
        answer = await scene.bed.score()
        return answer.status_code == 200 and answer.json()["name"] == "blue"

    await wait_until(is_good_again)


async def test_a_model_that_breaks_a_rule_is_refused_before_it_is_sent(scene: Scene) -> None:
    with pytest.raises(GatewayRefused, match="adds up to 90"):
        scene.bed.gateway.publish(build_endpoint(build_target(scene.green), traffic={"green": 90}))
    assert (await scene.bed.score()).json()["name"] == "blue"


# --- private


def _with(resources: EndpointResources, kind: Kind, bad: Resource) -> EndpointResources:
    return replace(resources, by_kind={**resources.by_kind, kind: {**resources.of(kind), bad.name: bad}})
