"""A model's signature in as many words as scoring needs. Made from MLflow's by mlflow_invocation.py; pure.

Plain column types are the words of MLflow's DataType; whatever else a column may be (arrays, objects, maps) is OTHER,
and left to MLflow's own enforcement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

BOOLEAN, INTEGER, LONG, FLOAT, DOUBLE = "boolean", "integer", "long", "float", "double"
STRING, BINARY, DATETIME, OTHER = "string", "binary", "datetime", "other"


@dataclass(frozen=True)
class Column:
    """One column. `name` None: it is known by its place only."""

    name: "str | None"
    kind: str
    required: bool = True


@dataclass(frozen=True)
class Tensor:
    """One tensor. `dtype` is numpy's name for it; -1 in `shape` is any size."""

    name: "str | None"
    dtype: str
    shape: "tuple[int, ...]"


@dataclass(frozen=True)
class Signature:
    """What goes in or what comes out: columns or tensors, never both. Neither: the model does not say."""

    columns: "tuple[Column, ...]" = ()
    tensors: "tuple[Tensor, ...]" = ()

    @property
    def is_known(self) -> bool:
        return bool(self.columns or self.tensors)

    @property
    def names(self) -> "list[str] | None":
        """The columns' names, None where they have none."""
        names = [column.name for column in self.columns if column.name is not None]
        return names if names and len(names) == len(self.columns) else None


def build_signature(schema: Any) -> Signature:
    """From an mlflow.types.Schema of any MLflow since 2.0, or None."""
    if schema is None:
        return Signature()
    if schema.is_tensor_spec():
        return Signature(
            tensors=tuple(Tensor(one.name, str(one.type), tuple(int(n) for n in one.shape)) for one in schema.inputs)
        )
    return Signature(columns=tuple(_build_column(one) for one in schema.inputs))


def explain_missing(columns: Sequence[Column], names: Sequence[Any]) -> "str | None":
    """Which columns a request lacks, in a sentence; None when it lacks none."""
    known = set(names)
    missing = [repr(one.name) for one in columns if one.required and one.name not in known]
    if not missing:
        return None
    given = ", ".join(map(repr, names)) or "none"
    plural = "s" if len(missing) > 1 else ""
    return f"Model is missing inputs: the column{plural} {', '.join(missing)}. The request has {given}."


def explain_mismatch(columns: Sequence[Column], names: Sequence[Any], rows: Sequence[Sequence[Any]]) -> "str | None":
    """Why values do not fit, in a sentence that names the column; None when nothing plain is wrong with them.

    Stricter than MLflow's server in one thing: 1.5 for a column of whole numbers is refused, not cut off.
    """
    places = {name: place for place, name in enumerate(names)}
    for column in columns:
        place = places.get(column.name)
        if place is None:
            continue
        for number, row in enumerate(rows):
            if place < len(row) and (why := _explain_value(column, row[place])):
                return f"Column {column.name!r} of the model's signature is {column.kind}, and row {number} has {why}."
    return None


# --- private

_INTEGER_BITS = {INTEGER: 32, LONG: 64}


def _build_column(spec: Any) -> Column:
    kind = spec.type.name if type(spec.type).__name__ == "DataType" else OTHER
    required = getattr(spec, "required", None)
    if required is None:  # before MLflow 2.6
        required = not getattr(spec, "optional", False)
    return Column(spec.name, kind, bool(required))


def _explain_value(column: Column, value: Any) -> "str | None":
    if column.kind in _INTEGER_BITS:
        if value is None or value != value:
            return "no value (null or NaN), which whole numbers cannot express"
        if (isinstance(value, float) and not value.is_integer()) or not _is_number(value, int):
            return f"{_show(value)}, which is not a whole number"
        bits = _INTEGER_BITS[column.kind]
        if not -(2 ** (bits - 1)) <= int(value) < 2 ** (bits - 1):
            return f"{value!r}, which does not fit into {bits} bits"
    elif column.kind in (FLOAT, DOUBLE) and value is not None and not _is_number(value, float):
        return f"{_show(value)}, which is not a number"
    return None


def _is_number(value: Any, convert: "type[int] | type[float]") -> bool:
    """As pandas' astype sees it: the text of a number counts."""
    if isinstance(value, (list, dict)):
        return False
    try:
        convert(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
