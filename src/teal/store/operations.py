"""Operations in the order they were accepted. Called by control and reconcile."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update

from teal.domain.deployments import DeploymentSpec
from teal.domain.endpoints import EndpointSpec
from teal.domain.operations import Operation
from teal.store.database import Transaction
from teal.store.rows import DEPLOYMENT_SPECS, ENDPOINT_SPECS, OPERATIONS, Rows
from teal.store.tables import operations


def append_operation(tx: Transaction, operation: Operation) -> Operation:
    """Store a new operation as the last one; its `seq` is given here."""
    row = insert(operations).values(id=operation.id, **_build_row(operation)).returning(operations.c.seq)
    return replace(operation, seq=tx.connection.execute(row).scalar_one())


def save_operation(tx: Transaction, operation: Operation) -> None:
    """The new state of an operation that was appended before."""
    tx.connection.execute(update(operations).where(operations.c.id == operation.id).values(**_build_row(operation)))
    if operation.status.is_final:
        tx.ended.add(operation.id)


def load_operation(tx: Transaction, id: str) -> Operation | None:
    row = tx.connection.execute(_SELECT.where(operations.c.id == id)).one_or_none()
    return None if row is None else _parse_row(row)


def list_unfinished(tx: Transaction, endpoint: str) -> tuple[Operation, ...]:
    """What is still to be done for an endpoint and its deployments, first accepted first."""
    return tuple(_parse_row(row) for row in tx.connection.execute(_UNFINISHED, {"endpoint": endpoint}))


def list_all_unfinished(tx: Transaction) -> dict[str, list[Operation]]:
    """What is still to be done, by endpoint, first accepted first."""
    found: dict[str, list[Operation]] = {}
    for row in tx.connection.execute(_SELECT.where(operations.c.is_final.is_(False)).order_by(operations.c.seq)):
        operation = _parse_row(row)
        found.setdefault(operation.endpoint, []).append(operation)
    return found


def delete_ended_operations(tx: Transaction, *, before: float) -> int:
    """Forget operations that ended before a time (epoch seconds), so that the table does not grow for ever."""
    query = delete(operations).where(operations.c.is_final.is_(True), operations.c.ended_at < before)
    return tx.connection.execute(query).rowcount


# --- private

_SELECT = select(operations.c.seq, operations.c.wanted_of, operations.c.wanted, operations.c.body)

# Built once: every pass of the loop asks it.
_UNFINISHED = _SELECT.where(operations.c.is_final.is_(False), operations.c.endpoint == bindparam("endpoint")).order_by(
    operations.c.seq
)

# From its JSON alone one could not tell which kind of spec `wanted` is.
_WANTED: dict[str, tuple[type, Rows[Any]]] = {
    "endpoint": (EndpointSpec, ENDPOINT_SPECS),
    "deployment": (DeploymentSpec, DEPLOYMENT_SPECS),
}


def _build_row(operation: Operation) -> dict[str, Any]:
    row = {
        "endpoint": operation.endpoint,
        "is_final": operation.status.is_final,
        "ended_at": operation.ended_at,
        "wanted_of": None,
        "wanted": None,
        "body": OPERATIONS.format(replace(operation, wanted=None)),
    }
    for name, (type_, rows) in _WANTED.items():
        if isinstance(operation.wanted, type_):
            row |= {"wanted_of": name, "wanted": rows.format(operation.wanted)}
    return row


def _parse_row(row: Row[int, str | None, str, str]) -> Operation:
    wanted = None if row.wanted_of is None else _WANTED[row.wanted_of][1].parse(row.wanted)
    return replace(OPERATIONS.parse(row.body), seq=row.seq, wanted=wanted)
