"""The short way from plain rows to the data frame that MLflow's parsing and enforcement would give. Used by
mlflow_payloads.py.

Taken only where both must agree: named columns of plain types, and values that are of those types already. Everything
else (missing values, dates, text of numbers, extra columns) answers None, and takes MLflow's own, slower way.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from .mlflow_signature import BOOLEAN, DOUBLE, FLOAT, INTEGER, LONG, STRING, Signature

_TYPES: "dict[str, frozenset[type]]" = {
    BOOLEAN: frozenset({bool}),
    INTEGER: frozenset({int}),
    LONG: frozenset({int}),
    FLOAT: frozenset({int, float}),
    DOUBLE: frozenset({int, float}),
    STRING: frozenset({str}),
}
_DTYPES: "dict[str, np.dtype[Any]]" = {
    BOOLEAN: np.dtype("bool"),
    INTEGER: np.dtype("int32"),
    LONG: np.dtype("int64"),
    FLOAT: np.dtype("float32"),
    DOUBLE: np.dtype("float64"),
}


class Frames:
    """Builds frames for one signature."""

    def __init__(self, signature: Signature) -> None:
        names = signature.names
        kinds = [column.kind for column in signature.columns]
        self._is_plain = names is not None and all(kind in _TYPES for kind in kinds)
        self._names = names or []
        self._columns = [(str(one.name), one.kind, one.required) for one in signature.columns]
        self._index = pd.Index(self._names)
        self._only = kinds[0] if self._is_plain and len(set(kinds)) == 1 and kinds[0] in _DTYPES else None

    def from_rows(self, names: "list[Any]", rows: Any) -> "pd.DataFrame | None":
        """A frame in the signature's order, from rows whose values are in the order of `names`."""
        if not self._is_plain or not isinstance(rows, list) or not rows:
            return None
        width = len(names)
        for row in rows:
            if type(row) is not list or len(row) != width:
                return None
        if self._only is not None and names == self._names:
            return self._build_uniform(rows, self._only)
        try:
            return self._build({name: [row[place] for row in rows] for place, name in enumerate(names)}, width)
        except TypeError:  # a name that cannot be one, such as a list
            return None

    def from_records(self, records: Sequence[Any]) -> "pd.DataFrame | None":
        """The same from objects with the same members."""
        if not self._is_plain or not records:
            return None
        first = records[0]
        for record in records:
            if type(record) is not dict or record.keys() != first.keys():
                return None
        return self._build({name: [record[name] for record in records] for name in first}, len(first))

    # --- private

    def _build_uniform(self, rows: "list[Any]", kind: str) -> "pd.DataFrame | None":
        types = _TYPES[kind]
        for row in rows:
            for value in row:
                if type(value) not in types:
                    return None
        try:
            return pd.DataFrame(np.array(rows, _DTYPES[kind]), columns=self._index, copy=False)
        except OverflowError:
            return None

    def _build(self, values: "dict[Any, list[Any]]", width: int) -> "pd.DataFrame | None":
        if len(values) != width:  # a name twice
            return None
        found: dict[str, Any] = {}
        for name, kind, is_required in self._columns:
            given = values.get(name)
            if given is None:
                if is_required:
                    return None
                continue
            types = _TYPES[kind]
            for value in given:
                if type(value) not in types:
                    return None
            try:
                found[name] = given if kind == STRING else np.array(given, _DTYPES[kind])
            except OverflowError:
                return None
        if len(found) != width:  # columns that the model does not know
            return None
        return pd.DataFrame(found)
