"""Verbs on endpoints: what is accepted, what is refused, and that a refusal changes nothing."""

import pytest

from teal.control import endpoints
from teal.control.endpoints import KeyType
from teal.domain.endpoints import AuthMode, EndpointSpec
from teal.domain.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from teal.domain.resource_ids import WorkspaceId
from teal.domain.states import ProvisioningState
from tests.harness.passes import WORKSPACE
from tests.unit.control.conftest import Verbs


async def test_a_new_endpoint_is_creating_has_two_keys_and_no_traffic(verbs: Verbs) -> None:
    accepted = await verbs.put_endpoint("My-Endpoint")
    assert accepted.created
    assert accepted.value.endpoint.name == "my-endpoint"
    assert accepted.value.state is ProvisioningState.CREATING
    keys = await verbs.call(endpoints.list_keys, "My-Endpoint")
    assert keys.primary != keys.secondary


async def test_a_replacement_keeps_the_keys(with_assets: Verbs) -> None:
    before = await with_assets.call(endpoints.list_keys, "ep1")
    replaced = await with_assets.put_endpoint(tags={"a": "b"})
    assert not replaced.created
    assert replaced.value.state is ProvisioningState.UPDATING
    assert await with_assets.call(endpoints.list_keys, "ep1") == before


async def test_the_same_again_starts_no_operation(with_assets: Verbs) -> None:
    again = await with_assets.put_endpoint()
    assert again.operation is None
    assert again.value.endpoint.generation == 1


async def test_the_same_again_after_a_failure_is_tried_again(with_assets: Verbs) -> None:
    await with_assets.finish((await with_assets.put_endpoint(tags={"a": "b"})).operation, failed=True)
    assert (await with_assets.put_endpoint()).operation is not None


async def test_names_are_unique_across_workspaces(with_assets: Verbs) -> None:
    other = WorkspaceId("sub", "group", "other")
    with pytest.raises(AlreadyExists, match="exists in the workspace 'ws'"):
        await with_assets.store.write(
            lambda tx: endpoints.put_endpoint(
                tx, other, "ep1", lambda c: c.spec if c else EndpointSpec(), with_assets.moment()
            )
        )
    with pytest.raises(NotFound, match="does not exist in the workspace 'other'"):
        await with_assets.store.read(lambda tx: endpoints.get_endpoint(tx, other, "ep1"))


async def test_a_change_of_one_that_must_exist_is_refused_when_it_does_not(verbs: Verbs) -> None:
    with pytest.raises(NotFound, match="teal online-endpoint list"):
        await verbs.call(endpoints.put_endpoint, "missing", lambda c: EndpointSpec(), verbs.moment(), must_exist=True)


async def test_the_auth_mode_cannot_be_changed(with_assets: Verbs) -> None:
    await with_assets.put_endpoint()
    with pytest.raises(InvalidInput, match="cannot be changed"):
        await with_assets.put_endpoint(auth_mode=AuthMode.AML_TOKEN)


async def test_a_refused_split_changes_nothing(with_assets: Verbs) -> None:
    await with_assets.finish((await with_assets.put_deployment()).operation)
    await with_assets.finish((await with_assets.put_endpoint(traffic={"blue": 100})).operation)
    with pytest.raises(InvalidInput):
        await with_assets.put_endpoint(traffic={"blue": 90}, tags={"new": "tag"})
    view = await with_assets.call(endpoints.get_endpoint, "ep1")
    assert view.endpoint.spec.traffic == {"blue": 100}
    assert view.endpoint.spec.tags == {}
    assert view.state is ProvisioningState.SUCCEEDED
    assert await with_assets.unfinished() == []


async def test_traffic_may_name_a_deployment_that_is_still_being_created(with_assets: Verbs) -> None:
    await with_assets.put_deployment()
    assert (await with_assets.put_endpoint(traffic={"Blue": 100})).value.endpoint.spec.traffic == {"blue": 100}


async def test_traffic_may_not_name_a_deployment_that_failed(with_assets: Verbs) -> None:
    await with_assets.finish((await with_assets.put_deployment()).operation, failed=True)
    with pytest.raises(InvalidInput, match="has failed"):
        await with_assets.put_endpoint(traffic={"blue": 100})


async def test_traffic_may_not_name_a_deployment_that_is_being_deleted(with_assets: Verbs) -> None:
    from teal.control import deployments

    await with_assets.finish((await with_assets.put_deployment()).operation)
    await with_assets.call(deployments.delete_deployment, "ep1", "blue", with_assets.moment())
    with pytest.raises(InvalidInput, match="does not exist"):
        await with_assets.put_endpoint(traffic={"blue": 100})


async def test_a_change_of_traffic_that_could_not_be_made_is_not_shown_as_wanted(with_assets: Verbs) -> None:
    await with_assets.finish((await with_assets.put_deployment("blue")).operation)
    await with_assets.finish((await with_assets.put_deployment("green")).operation)
    await with_assets.finish((await with_assets.put_endpoint(traffic={"blue": 100})).operation)
    await with_assets.finish((await with_assets.put_endpoint(traffic={"green": 100})).operation, failed=True)
    view = await with_assets.call(endpoints.get_endpoint, "ep1")
    assert view.endpoint.spec.traffic == {"blue": 100}
    assert view.state is ProvisioningState.FAILED
    (listed,) = await with_assets.call(endpoints.list_endpoints)
    assert listed.endpoint.spec.traffic == {"blue": 100}


@pytest.mark.parametrize("key_type", list(KeyType))
async def test_one_key_is_replaced_and_the_other_stays(with_assets: Verbs, key_type: KeyType) -> None:
    before = await with_assets.call(endpoints.list_keys, "ep1")
    current = before.primary if key_type is KeyType.PRIMARY else before.secondary
    await with_assets.call(endpoints.regenerate_key, "ep1", key_type, current, with_assets.moment())
    after = await with_assets.call(endpoints.list_keys, "ep1")
    assert (after.primary == before.primary) is (key_type is KeyType.SECONDARY)
    assert (after.secondary == before.secondary) is (key_type is KeyType.PRIMARY)


async def test_a_key_of_ones_own_is_taken_if_it_is_strong_enough(with_assets: Verbs) -> None:
    mine = "my-own-key_0123456789"
    await with_assets.call(endpoints.regenerate_key, "ep1", KeyType.PRIMARY, mine, with_assets.moment())
    assert (await with_assets.call(endpoints.list_keys, "ep1")).primary == mine
    with pytest.raises(InvalidInput, match="16 to 128"):
        await with_assets.call(endpoints.regenerate_key, "ep1", KeyType.PRIMARY, "weak", with_assets.moment())


async def test_deleting_supersedes_what_waits_below(with_assets: Verbs) -> None:
    await with_assets.put_deployment("blue")
    operation = await with_assets.call(endpoints.delete_endpoint, "ep1", with_assets.moment())
    assert await with_assets.unfinished() == [("DeleteEndpoint", None)]
    again = await with_assets.call(endpoints.delete_endpoint, "EP1", with_assets.moment())
    assert again == operation
    view = await with_assets.call(endpoints.get_endpoint, "ep1")
    assert view.state is ProvisioningState.DELETING


async def test_an_endpoint_that_is_being_deleted_takes_no_changes(with_assets: Verbs) -> None:
    await with_assets.call(endpoints.delete_endpoint, "ep1", with_assets.moment())
    with pytest.raises(Conflict, match="is being deleted"):
        await with_assets.put_endpoint(tags={"a": "b"})
    with pytest.raises(NotFound, match="is being deleted"):
        await with_assets.put_deployment("blue")


async def test_deleting_what_is_not_there_is_no_error(verbs: Verbs) -> None:
    assert await verbs.call(endpoints.delete_endpoint, "nothing", verbs.moment()) is None
    assert WORKSPACE.name == "ws"
