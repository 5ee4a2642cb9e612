"""Operations keep their order and the kind of what they want."""

from dataclasses import replace

import pytest

from teal.domain.deployments import DeploymentSpec
from teal.domain.endpoints import EndpointSpec
from teal.domain.operations import OperationKind, OperationStatus
from teal.store.database import Store, Transaction
from teal.store.operations import (
    append_operation,
    delete_ended_operations,
    list_unfinished,
    load_operation,
    save_operation,
)
from tests.unit.store.entities import DEPLOYMENT_SPEC, ENDPOINT_SPEC, OPERATION


@pytest.mark.parametrize("wanted", [ENDPOINT_SPEC, DEPLOYMENT_SPEC, EndpointSpec(), DeploymentSpec(), None])
async def test_an_operation_comes_back_with_its_number(store: Store, wanted: EndpointSpec | DeploymentSpec) -> None:
    operation = replace(OPERATION, wanted=wanted, deployment="blue", kind=OperationKind.UPDATE_DEPLOYMENT)
    appended = await store.write(lambda tx: append_operation(tx, operation))
    assert appended == replace(operation, seq=1)
    assert await store.read(lambda tx: load_operation(tx, operation.id)) == appended


async def test_unfinished_operations_are_listed_in_the_order_they_were_accepted(store: Store) -> None:
    def write(tx: Transaction) -> None:
        first, second, _, _ = (
            append_operation(tx, replace(OPERATION, id=id, endpoint=endpoint))
            for id, endpoint in (("z", "churn"), ("y", "churn"), ("x", "other"), ("w", "churn"))
        )
        save_operation(tx, replace(first, wanted=None))
        save_operation(tx, replace(second, status=OperationStatus.CANCELED))

    await store.write(write)
    found = await store.read(lambda tx: list_unfinished(tx, "churn"))
    assert [(o.id, o.seq) for o in found] == [("z", 1), ("w", 4)]


async def test_numbers_are_never_given_twice(store: Store) -> None:
    done = replace(OPERATION, status=OperationStatus.FAILED, ended_at=10.0)
    await store.write(lambda tx: append_operation(tx, done))
    assert await store.write(lambda tx: delete_ended_operations(tx, before=11.0)) == 1
    assert (await store.write(lambda tx: append_operation(tx, OPERATION))).seq == 2


async def test_only_operations_that_ended_long_ago_are_forgotten(store: Store) -> None:
    def write(tx: Transaction) -> None:
        append_operation(tx, replace(OPERATION, id="old", status=OperationStatus.FAILED, ended_at=10.0))
        append_operation(tx, replace(OPERATION, id="new", status=OperationStatus.FAILED, ended_at=20.0))
        append_operation(tx, replace(OPERATION, id="unfinished", ended_at=None))

    await store.write(write)
    assert await store.write(lambda tx: delete_ended_operations(tx, before=20.0)) == 1
    left = await store.read(lambda tx: [load_operation(tx, id) for id in ("old", "new", "unfinished")])
    assert [operation is not None for operation in left] == [False, True, True]


async def test_who_hears_of_an_operation_is_told_of_its_end_and_of_no_other(store: Store) -> None:
    first, second = await store.write(
        lambda tx: [append_operation(tx, replace(OPERATION, id=id)) for id in ("first", "second")]
    )
    with store.hear_end("first") as first_ended, store.hear_end("second") as second_ended:
        await store.write(lambda tx: save_operation(tx, replace(first, status=OperationStatus.IN_PROGRESS)))
        await store.write(lambda tx: save_operation(tx, replace(second, status=OperationStatus.FAILED)))
        await second_ended.wait()
        assert not first_ended.is_set()
    await store.write(lambda tx: save_operation(tx, replace(first, status=OperationStatus.SUCCEEDED)))
    assert not first_ended.is_set()
