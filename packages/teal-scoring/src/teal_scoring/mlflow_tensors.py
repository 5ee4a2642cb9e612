"""Why a request's tensors do not fit a model's signature: numpy and MLflow do not say which tensor it was. Used by
mlflow_payloads.py."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .mlflow_signature import Tensor


def explain_tensors(tensors: Sequence[Tensor], data: Any) -> "str | None":
    """For data that could not be read, `data` as the request has it: one tensor, or several by name."""
    for tensor, given in _match(tensors, data):
        try:
            np.array(given, tensor.dtype)
        except (TypeError, ValueError, OverflowError) as error:
            why = str(error).rstrip(".")
            return f"{_name(tensor)} of the model's signature is {tensor.dtype}, and the request's is not: {why}."
    return None


def explain_cut(tensors: Sequence[Tensor], data: Any) -> "str | None":
    """MLflow would cut 1.5 to 1 where the signature has whole numbers."""
    for tensor, given in _match([one for one in tensors if np.dtype(one.dtype).kind in "iu"], data):
        try:
            values = np.array(given)
        except ValueError:
            continue
        if values.dtype.kind == "f" and (values != np.trunc(values)).any():
            odd = values[values != np.trunc(values)].ravel()[0]
            return (
                f"{_name(tensor)} of the model's signature is {tensor.dtype}, and the request has {odd}, which is not a"
                " whole number."
            )
    return None


# --- private


def _match(tensors: Sequence[Tensor], data: Any) -> "Iterator[tuple[Tensor, Any]]":
    if isinstance(data, list) and data and all(isinstance(one, dict) for one in data):
        data = {name: [one.get(name) for one in data] for name in data[0]}  # one object a row
    for tensor in tensors:
        if tensor.name is None or not isinstance(data, dict):
            yield tensor, data
        elif tensor.name in data:
            yield tensor, data[tensor.name]


def _name(tensor: Tensor) -> str:
    return f"Input {tensor.name!r}" if tensor.name is not None else "The tensor"
