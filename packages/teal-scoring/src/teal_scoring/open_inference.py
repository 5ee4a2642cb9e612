"""The Open Inference Protocol V2 over REST for a model with a signature: its tensors, both ways, and what it says of
itself. Used by mlflow_invocation.py and mlflow_routes.py.

https://github.com/kserve/open-inference-protocol (rest/inference_rest.yaml). A column of a signature is one tensor of
shape [rows] or [rows, 1]. JSON only: the binary tensor extension is refused.
"""

import json
from base64 import b64decode
from types import NoneType
from typing import Any, NamedTuple

import numpy as np
import orjson
import pandas as pd

from .mlflow_payloads import BadPayload
from .mlflow_signature import BINARY, Signature

_DATATYPES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
}
_BY_DTYPE = {dtype: name for name, dtype in _DATATYPES.items()}
_BY_KIND = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
}


class Asked(NamedTuple):
    """What predict() is called with, and what the answer must repeat."""

    data: Any
    params: "dict[str, Any] | None"
    request_id: "str | None"
    outputs: "frozenset[str]"


class OpenInference:
    """The protocol for one model."""

    def __init__(self, name: str, version: str, inputs: Signature, outputs: Signature) -> None:
        self.name = name
        self.version = version
        self._inputs = inputs
        self._outputs = outputs

    def describe(self) -> "dict[str, Any]":
        """The model's metadata."""
        return {
            "name": self.name,
            "versions": [self.version],
            "platform": "mlflow_pyfunc",
            "inputs": _describe(self._inputs, "input"),
            "outputs": _describe(self._outputs, "output"),
        }

    def parse(self, body: bytes) -> Asked:
        """Raises BadPayload."""
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise BadPayload(f"The request is not JSON: {error}") from None
        inputs = document.get("inputs") if isinstance(document, dict) else None
        if not isinstance(inputs, list) or not inputs:
            raise BadPayload("The request has no list 'inputs' of tensors.")
        if not self._inputs.is_known:
            raise BadPayload("The model has no signature, which the Open Inference Protocol needs. Use /invocations.")
        tensors: dict[str, np.ndarray[Any, Any]] = {}
        for one in inputs:
            name, values = _parse_tensor(one)
            if name in tensors:
                raise BadPayload(f"The request has the input {name!r} twice.")
            tensors[name] = values
        params, outputs, request_id = (document.get(name) for name in ("parameters", "outputs", "id"))
        if not isinstance(params, (dict, NoneType)):
            raise BadPayload("'parameters' must be an object.")
        if not isinstance(outputs, (list, NoneType)) or not all(isinstance(one, dict) for one in outputs or ()):
            raise BadPayload("'outputs' must be a list of objects with a 'name'.")
        if not isinstance(request_id, (str, NoneType)):
            raise BadPayload("'id' must be text.")
        own = {name: value for name, value in (params or {}).items() if name not in _PROTOCOL_PARAMETERS}
        wanted = frozenset(str(one.get("name")) for one in outputs or ())
        data = self._build_frame(tensors) if self._inputs.columns else self._build_tensors(tensors)
        return Asked(data, own or None, request_id, wanted)

    def encode(self, raw: Any, asked: Asked) -> bytes:
        """The response. Raises BadPayload for an output that does not exist."""
        is_column = not self._outputs.tensors
        outputs = [_build_output(name, values, is_column) for name, values in _name_outputs(raw, self._outputs)]
        if asked.outputs:
            known = [one["name"] for one in outputs]
            if unknown := asked.outputs.difference(known):
                raise BadPayload(f"There is no output {', '.join(sorted(unknown))}; there is {', '.join(known)}.")
            outputs = [one for one in outputs if one["name"] in asked.outputs]
        document = {"model_name": self.name, "model_version": self.version, "outputs": outputs}
        if asked.request_id is not None:
            document["id"] = asked.request_id
        return json.dumps(document).encode()

    # --- private

    def _build_frame(self, tensors: "dict[str, np.ndarray[Any, Any]]") -> pd.DataFrame:
        names = self._inputs.names or list(tensors)
        required = [one.name for one in self._inputs.columns if one.required and one.name is not None]
        if missing := [name for name in required if name not in tensors]:
            raise BadPayload(f"The request lacks the inputs {', '.join(map(repr, missing))} of the model's signature.")
        found = {name: tensors[name] for name in names if name in tensors}
        lengths = {len(values) if values.ndim else -1 for values in found.values()}
        if len(lengths) != 1 or any(values.size not in lengths for values in found.values()):
            shapes = ", ".join(f"{name} {list(values.shape)}" for name, values in found.items())
            raise BadPayload(f"Inputs are columns here, of shape [rows] or [rows, 1] with as many rows each: {shapes}.")
        kinds = {one.name: one.kind for one in self._inputs.columns}
        columns = {name: _cast(name, values.ravel(), kinds.get(name)) for name, values in found.items()}
        return pd.DataFrame(columns)

    def _build_tensors(self, tensors: "dict[str, np.ndarray[Any, Any]]") -> Any:
        specs = self._inputs.tensors
        if len(specs) == 1 and specs[0].name is None:
            if len(tensors) != 1:
                raise BadPayload(f"The model takes one tensor, and the request has {len(tensors)}.")
            name, values = next(iter(tensors.items()))
            return _convert(name, values, specs[0].dtype)
        types = {one.name: one.dtype for one in specs}
        return {name: _convert(name, values, types.get(name)) for name, values in tensors.items()}


# --- private

_PROTOCOL_PARAMETERS = frozenset({"content_type", "binary_data_output", "headers"})


def _parse_tensor(tensor: Any) -> "tuple[str, np.ndarray[Any, Any]]":
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise BadPayload("Each input must be an object with 'name', 'shape', 'datatype' and 'data'.")
    name, shape, datatype, data = tensor["name"], tensor.get("shape"), tensor.get("datatype"), tensor.get("data")
    if not isinstance(data, list):
        raise BadPayload(f"Input {name!r} has no list 'data'; binary tensors are not taken here.")
    if not isinstance(shape, list) or not all(isinstance(one, int) and one >= 0 for one in shape):
        raise BadPayload(f"Input {name!r} needs a 'shape': a list of whole numbers.")
    dtype = "object" if datatype == "BYTES" else _DATATYPES.get(str(datatype))
    if dtype is None:
        raise BadPayload(f"Input {name!r} has the datatype {datatype!r}; known are BYTES, {', '.join(_DATATYPES)}.")
    try:
        return name, _read_values(data, np.dtype(dtype)).reshape(shape)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadPayload(f"Input {name!r}: its data is not {datatype} of shape {shape}: {error}") from None


def _read_values(data: "list[Any]", dtype: "np.dtype[Any]") -> "np.ndarray[Any, Any]":
    """What stands in the request must be of its datatype: numpy alone would cut 1.5 to 1, and take any text for true.
    null is NaN where there is one."""
    given = np.array(data, object if dtype.kind == "O" else None)
    if dtype.kind == "f":
        if given.dtype.kind in "bU":
            raise ValueError("only numbers do")
        return given.astype(dtype)
    if dtype.kind == "O":
        odd = next((one for one in given.ravel() if type(one) is not str), None)
        if odd is not None or None in given.ravel():
            raise ValueError(f"{odd!r} is not text")
        return given
    if given.size and (given.dtype.kind == "b") != (dtype.kind == "b"):
        raise ValueError("true and false go with BOOL only" if given.dtype.kind == "b" else "only true and false do")
    values = given.astype(dtype) if given.dtype.kind in "iub" else np.array(data, dtype)
    if dtype.kind in "iu" and (given != values).any():
        raise ValueError("not all of it fits")
    return values


def _cast(name: str, values: "np.ndarray[Any, Any]", kind: "str | None") -> "np.ndarray[Any, Any]":
    """Whole numbers for a column of real ones and the like: what a client's datatype may differ in without loss. Bytes
    come as in MLflow's own payloads, in base64."""
    if kind == BINARY and values.dtype.kind == "O":
        try:
            return np.array([b64decode(one, validate=True) for one in values], object)
        except ValueError as error:
            raise BadPayload(f"Column {name!r} of the model's signature is binary: {error}, in base64.") from None
    target = _DATATYPES.get(_BY_KIND.get(kind or "", ""))
    if target and values.dtype.kind in "iuf" and np.can_cast(values.dtype, target, "safe"):
        return values.astype(target)
    if kind == "double" and values.dtype.kind in "iu":
        return values.astype("float64")
    return values


def _convert(name: str, values: "np.ndarray[Any, Any]", dtype: "str | None") -> "np.ndarray[Any, Any]":
    """As the signature has it; refused where whole numbers would be cut off."""
    if dtype is None or values.dtype == dtype:
        return values
    try:
        converted = values.astype(dtype)
    except (TypeError, ValueError) as error:
        raise BadPayload(f"Input {name!r} of the model's signature is {dtype}: {error}.") from None
    if converted.dtype.kind in "iub" and values.dtype.kind in "iuf" and (converted != values).any():
        raise BadPayload(f"Input {name!r} of the model's signature is {dtype}, and the request has other numbers.")
    return converted


def _describe(signature: Signature, words: str) -> "list[dict[str, Any]]":
    columns = [
        {"name": one.name or f"{words}-{number}", "datatype": _BY_KIND.get(one.kind, "BYTES"), "shape": [-1, 1]}
        for number, one in enumerate(signature.columns, 1)
    ]
    tensors = [
        {
            "name": one.name or f"{words}-{number}",
            "datatype": _BY_DTYPE.get(one.dtype, "BYTES"),
            "shape": list(one.shape),
        }
        for number, one in enumerate(signature.tensors, 1)
    ]
    return columns + tensors


def _name_outputs(raw: Any, signature: Signature) -> "list[tuple[str, Any]]":
    if isinstance(raw, pd.DataFrame):
        return [(str(name), raw[name].to_numpy()) for name in raw.columns]
    if isinstance(raw, dict):
        return [(str(name), np.asarray(values)) for name, values in raw.items()]
    named = [one.name for one in signature.columns if one.name] + [one.name for one in signature.tensors if one.name]
    return [(named[0] if len(named) == 1 else "output-1", np.asarray(raw))]


def _build_output(name: str, values: "np.ndarray[Any, Any]", is_column: bool) -> "dict[str, Any]":
    datatype = _BY_DTYPE.get(str(values.dtype), "BYTES")
    if datatype == "BYTES":
        values = values.astype(str)
    shape = [len(values), 1] if is_column and values.ndim == 1 else list(values.shape)
    return {"name": name, "datatype": datatype, "shape": shape, "data": values.ravel().tolist()}
