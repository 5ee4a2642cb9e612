"""Write a row whether or not it exists, in SQL that every database speaks. Used by this room only."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, and_, insert, update

from teal.store.database import Transaction


def save_row(tx: Transaction, table: Table, keys: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Set `values` in the row of `keys`, or insert it. Update first: there is one writer, so nobody comes between,
    and no row is ever deleted and made again, which would take the rows that refer to it along."""
    matches = and_(*(table.c[name] == value for name, value in keys.items()))
    if tx.connection.execute(update(table).where(matches).values(**values)).rowcount == 0:
        tx.connection.execute(insert(table).values(**keys, **values))
