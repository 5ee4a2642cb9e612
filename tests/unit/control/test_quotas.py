"""Azure's quotas and single ones; the server's, a workspace's in its tags, an endpoint's in its properties."""

from dataclasses import replace

import pytest

from teal.control import endpoints, workspaces
from teal.domain.endpoint_settings import Limits, Quotas
from teal.domain.endpoints import EndpointSpec
from teal.domain.errors import InvalidInput
from teal.domain.quotas import QUOTAS, Quota, parse_workspace_quota
from teal.domain.resource_ids import WorkspaceId
from teal.reconcile.wanted import load_wanted
from tests.harness.passes import WORKSPACE
from tests.unit.control.conftest import Verbs

ELSEWHERE = WorkspaceId("other", "group", "ws")


async def tag_workspace(verbs: Verbs, **tags: str) -> None:
    named = {f"teal.{name}": text for name, text in tags.items()}
    await verbs.call(workspaces.put_workspace, lambda current: replace(current, tags=named), verbs.moment())


async def put_elsewhere(verbs: Verbs, name: str, workspace: WorkspaceId) -> None:
    await verbs.store.write(
        lambda tx: endpoints.put_endpoint(
            tx, workspace, name, lambda _: EndpointSpec(), verbs.moment(), quota=verbs.quota
        )
    )


async def test_endpoints_are_counted_in_their_subscription_and_refused_as_azure_does(verbs: Verbs) -> None:
    verbs.quota = Quota(endpoints=2)
    await verbs.put_endpoint("one")
    await put_elsewhere(verbs, "two", replace(WORKSPACE, name="second"))
    with pytest.raises(InvalidInput, match=r"usage/limit: 2/2\. Additional needed: 1.*TEAL_MAX_ENDPOINTS") as refused:
        await verbs.put_endpoint("three")
    assert refused.value.code == "OutOfQuota"
    await put_elsewhere(verbs, "three", ELSEWHERE)
    assert (await verbs.put_endpoint("one", tags={"a": "b"})).operation


async def test_a_workspace_may_have_an_own_number_of_endpoints_and_deployments(with_assets: Verbs) -> None:
    await tag_workspace(with_assets, max_endpoints="2", max_deployments="1")
    await with_assets.put_endpoint("ep2")
    with pytest.raises(InvalidInput, match=r"in the workspace 'ws'.*2/2.*teal\.max_endpoints"):
        await with_assets.put_endpoint("ep3")
    await put_elsewhere(with_assets, "ep3", replace(WORKSPACE, name="second"))
    await with_assets.put_deployment("blue")
    with pytest.raises(InvalidInput, match=r"in the workspace 'ws'.*1/1.*teal\.max_deployments"):
        await with_assets.put_deployment("green")


async def test_deployments_are_counted_in_their_subscription(with_assets: Verbs) -> None:
    with_assets.quota = Quota(deployments=1)
    await with_assets.put_deployment("blue")
    with pytest.raises(InvalidInput, match=r"deployments in the subscription 'sub'.*1/1.*TEAL_MAX_DEPLOYMENTS"):
        await with_assets.put_deployment("green")
    assert (await with_assets.put_deployment("blue", instance_count=2)).operation


async def test_deployments_of_an_endpoint_are_what_it_or_its_workspace_or_the_server_says(with_assets: Verbs) -> None:
    with_assets.quota = QUOTAS[Quotas.AZURE]
    for number in range(20):
        await with_assets.put_deployment(f"dep{number}")
    with pytest.raises(InvalidInput, match=r"in the endpoint 'ep1'.*20/20.*max_deployments_per_endpoint"):
        await with_assets.put_deployment("more")
    await tag_workspace(with_assets, max_deployments_per_endpoint="21")
    await with_assets.put_deployment("more")
    with pytest.raises(InvalidInput, match="21/21"):
        await with_assets.put_deployment("evenmore")
    await with_assets.put_endpoint(properties={"teal.max_deployments_per_endpoint": "none"})
    await with_assets.put_deployment("evenmore")


async def test_instances_beyond_the_quota_are_refused_and_fewer_never_are(with_assets: Verbs) -> None:
    with_assets.quota = Quota(limits=Limits(instances=5))
    with pytest.raises(InvalidInput, match=r"usage/limit: 0/5\. Additional needed: 6"):
        await with_assets.put_deployment(instance_count=6)
    await with_assets.put_deployment(instance_count=5)
    with pytest.raises(InvalidInput, match=r"usage/limit: 5/5\. Additional needed: 1"):
        await with_assets.put_deployment(instance_count=6)
    with_assets.quota = Quota(limits=Limits(instances=2))
    assert (await with_assets.put_deployment(instance_count=4)).operation


async def test_without_the_profile_nothing_is_counted(with_assets: Verbs) -> None:
    for number in range(21):
        await with_assets.put_deployment(f"dep{number}", instance_count=51)


async def test_tags_that_mean_nothing_are_refused(verbs: Verbs) -> None:
    with pytest.raises(InvalidInput, match=r"teal\.max_endpoint' is not a setting"):
        await tag_workspace(verbs, max_endpoint="2")
    with pytest.raises(InvalidInput, match="a whole number"):
        await tag_workspace(verbs, max_endpoints="many")


async def test_a_change_of_a_workspaces_tags_concerns_its_endpoints(with_assets: Verbs) -> None:
    heard: list[frozenset[str]] = []
    with_assets.store.changed = heard.append
    await tag_workspace(with_assets, max_requests_per_second="5")
    assert heard == [frozenset({"ep1"})]
    wanted = await with_assets.store.read(lambda tx: load_wanted(tx, "ep1"))
    assert wanted.workspace_tags == {"teal.max_requests_per_second": "5"}


def test_a_workspaces_profile_stands_over_the_servers_numbers() -> None:
    server = Quota(endpoints=7, limits=Limits(requests_per_s=7))
    assert parse_workspace_quota({"owner": "me"}, server) == Quota(limits=Limits(requests_per_s=7))
    assert parse_workspace_quota({"teal.quotas": "azure"}, server) == QUOTAS[Quotas.AZURE]
    assert parse_workspace_quota({"teal.quotas": "none"}, server) == Quota()
