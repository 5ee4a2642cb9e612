"""Endpoints, keys and statuses."""

from dataclasses import replace

from teal.domain.endpoints import EndpointKeys
from teal.domain.operations import OperationStatus
from teal.domain.resource_ids import WorkspaceId
from teal.store.database import Store, Transaction
from teal.store.endpoints import (
    delete_endpoint,
    list_endpoint_names,
    list_endpoints,
    load_endpoint,
    load_endpoint_status,
    load_keys,
    save_endpoint,
    save_endpoint_status,
    save_keys,
)
from teal.store.instances import save_instance
from teal.store.operations import append_operation
from tests.unit.store.entities import ENDPOINT, ENDPOINT_STATUS, INSTANCE, OPERATION, named_endpoint


async def test_an_endpoint_comes_back_with_its_keys_and_status(store: Store) -> None:
    def write(tx: Transaction) -> None:
        save_endpoint(tx, ENDPOINT)
        save_keys(tx, "churn", EndpointKeys("a", "b"))
        save_endpoint_status(tx, "churn", ENDPOINT_STATUS)

    await store.write(write)
    assert await store.read(lambda tx: load_endpoint(tx, "churn")) == ENDPOINT
    assert await store.read(lambda tx: load_keys(tx, "churn")) == EndpointKeys("a", "b")
    assert await store.read(lambda tx: load_endpoint_status(tx, "churn")) == ENDPOINT_STATUS


async def test_what_does_not_exist_is_none(store: Store) -> None:
    loads = (load_endpoint, load_keys, load_endpoint_status)
    assert await store.read(lambda tx: [load(tx, "churn") for load in loads]) == [None, None, None]


async def test_changing_an_endpoint_leaves_its_keys_and_status(store: Store) -> None:
    def write(tx: Transaction) -> None:
        save_endpoint(tx, ENDPOINT)
        save_keys(tx, "churn", EndpointKeys("a", "b"))
        save_endpoint_status(tx, "churn", ENDPOINT_STATUS)
        save_endpoint(tx, replace(ENDPOINT, generation=8))

    await store.write(write)
    assert await store.read(lambda tx: load_keys(tx, "churn")) == EndpointKeys("a", "b")
    assert await store.read(lambda tx: load_endpoint_status(tx, "churn")) == ENDPOINT_STATUS


async def test_deleting_an_endpoint_takes_its_keys_and_status_and_no_others(store: Store) -> None:
    def write(tx: Transaction) -> None:
        for name in ("churn", "other"):
            save_endpoint(tx, named_endpoint(name))
            save_keys(tx, name, EndpointKeys("a", "b"))
            save_endpoint_status(tx, name, ENDPOINT_STATUS)
        delete_endpoint(tx, "churn")
        save_endpoint(tx, ENDPOINT)

    await store.write(write)
    assert await store.read(lambda tx: load_keys(tx, "churn")) is None
    assert await store.read(lambda tx: load_endpoint_status(tx, "churn")) is None
    assert await store.read(lambda tx: load_keys(tx, "other")) is not None


async def test_endpoints_are_listed_by_name_and_workspace(store: Store) -> None:
    elsewhere = replace(named_endpoint("b"), workspace=WorkspaceId("s", "g", "elsewhere"))

    def write(tx: Transaction) -> None:
        for endpoint in (named_endpoint("c"), elsewhere, named_endpoint("a")):
            save_endpoint(tx, endpoint)

    await store.write(write)
    assert [e.name for e in await store.read(list_endpoints)] == ["a", "b", "c"]
    upper = WorkspaceId(*(part.upper() for part in ("s", "g", "elsewhere")))
    assert await store.read(lambda tx: list_endpoints(tx, upper)) == (elsewhere,)


async def test_the_loop_also_looks_at_names_that_only_instances_or_unfinished_operations_mention(store: Store) -> None:
    def write(tx: Transaction) -> None:
        save_endpoint(tx, named_endpoint("c"))
        save_instance(tx, replace(INSTANCE, endpoint="b"))
        append_operation(tx, replace(OPERATION, id="1", endpoint="a"))
        append_operation(tx, replace(OPERATION, id="2", endpoint="c"))
        append_operation(tx, replace(OPERATION, id="3", endpoint="done", status=OperationStatus.SUCCEEDED))

    await store.write(write)
    assert await store.read(list_endpoint_names) == ("a", "b", "c")
