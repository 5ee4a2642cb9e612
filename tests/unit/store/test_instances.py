"""Instances keep their order of creation."""

from dataclasses import replace

from teal.domain.instance_records import InstanceState
from teal.store.database import Store, Transaction
from teal.store.instances import delete_instance, list_instances, save_instance
from tests.unit.store.entities import INSTANCE


async def test_instances_are_listed_in_the_order_they_were_first_saved(store: Store) -> None:
    records = [replace(INSTANCE, instance_id=id) for id in ("c", "a", "b")]
    changed = replace(records[0], state=InstanceState.STOPPED)

    def write(tx: Transaction) -> None:
        for record in (*records, replace(INSTANCE, instance_id="d", endpoint="other"), changed):
            save_instance(tx, record)

    await store.write(write)
    assert await store.read(lambda tx: list_instances(tx, "churn")) == (changed, *records[1:])


async def test_a_deleted_instance_is_gone_and_deleting_again_is_fine(store: Store) -> None:
    await store.write(lambda tx: save_instance(tx, INSTANCE))
    for _ in range(2):
        await store.write(lambda tx: delete_instance(tx, INSTANCE.instance_id))
    assert await store.read(lambda tx: list_instances(tx, "churn")) == ()
