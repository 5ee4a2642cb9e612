"""Instances as the loop remembers them. Called by reconcile."""

from sqlalchemy import bindparam, delete, select

from teal.domain.instance_records import InstanceRecord
from teal.store.database import Transaction
from teal.store.rows import INSTANCES
from teal.store.tables import instances
from teal.store.upserts import save_row


def list_instances(tx: Transaction, endpoint: str) -> tuple[InstanceRecord, ...]:
    """The instances of an endpoint, first saved first."""
    return tuple(INSTANCES.parse(body) for body in tx.connection.execute(_INSTANCES, {"endpoint": endpoint}).scalars())


def list_instance_ids(tx: Transaction) -> frozenset[str]:
    """Of all endpoints."""
    return frozenset(tx.connection.execute(select(instances.c.id)).scalars())


def save_instance(tx: Transaction, instance: InstanceRecord) -> None:
    save_row(
        tx,
        instances,
        {"id": instance.instance_id},
        {"endpoint": instance.endpoint, "body": INSTANCES.format(instance)},
    )


def delete_instance(tx: Transaction, id: str) -> None:
    tx.connection.execute(delete(instances).where(instances.c.id == id))


# --- private

# Built once: every pass of the loop asks it.
_INSTANCES = select(instances.c.body).where(instances.c.endpoint == bindparam("endpoint")).order_by(instances.c.seq)
