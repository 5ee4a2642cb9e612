"""The schemas of /swagger.json from a model's signature. Pure; used by mlflow_serving.py.

Forms and words are those of inference-schema, by which Azure describes such deployments: its MLflow client reads
`format: numpy.ndarray` of the output and then gives people an array.
"""

from typing import Any

from .mlflow_signature import Column, Signature, Tensor

_TYPES: "dict[str, dict[str, Any]]" = {
    "boolean": {"type": "boolean", "example": False},
    "integer": {"type": "integer", "format": "int32", "example": 1},
    "long": {"type": "integer", "format": "int64", "example": 1},
    "float": {"type": "number", "format": "float", "example": 1.0},
    "double": {"type": "number", "format": "double", "example": 1.0},
    "string": {"type": "string", "example": "a"},
    "binary": {"type": "string", "format": "byte", "example": "YQ=="},
    "datetime": {"type": "string", "format": "date-time", "example": "2026-01-31T00:00:00"},
}
_PARAM_TYPES = {"boolean", "integer", "long", "float", "double", "string", "datetime"}
_ANYTHING: "dict[str, Any]" = {"type": "object", "example": {}}


def build_schemas(inputs: Signature, outputs: Signature, params_schema: Any) -> "tuple[Any, Any, None]":
    """(what goes in, what comes out, None: every swagger version can say it)."""
    data = _describe_input(inputs)
    members = {"input_data": data}
    example: dict[str, Any] = {"input_data": data.get("example")}
    if params_schema:
        described = {one.name: _describe_param(one) for one in params_schema.params}
        defaults = {one.name: _plain(one.default) for one in params_schema.params}
        members["params"] = {"type": "object", "properties": described, "example": defaults}
        example["params"] = defaults
    takes = {"type": "object", "required": ["input_data"], "properties": members, "example": example}
    return takes, _describe_output(outputs), None


# --- private


def _describe_input(inputs: Signature) -> "dict[str, Any]":
    if inputs.columns:
        columns = [(one.name if one.name is not None else str(n), one) for n, one in enumerate(inputs.columns)]
        row = [_describe_column(one).get("example") for _, one in columns]
        names = [name for name, _ in columns]
        return {
            "type": "object",
            "required": ["columns", "data"],
            "properties": {
                "columns": {"type": "array", "items": {"type": "string"}, "example": names},
                "index": {"type": "array", "items": {"type": "integer"}},
                "data": {"type": "array", "items": {"type": "array", "items": {}}, "example": [row]},
            },
            "example": {"columns": names, "index": [0], "data": [row]},
            "x-columns": {name: _describe_column(one) for name, one in columns},
        }
    if inputs.tensors:
        return _describe_tensors(inputs)
    return _ANYTHING


def _describe_output(outputs: Signature) -> "dict[str, Any]":
    if outputs.columns:
        names = [one.name for one in outputs.columns]
        if None in names:
            return {"type": "array", "items": _describe_column(outputs.columns[0])}
        members = {str(one.name): _describe_column(one) for one in outputs.columns}
        return {"type": "array", "items": {"type": "object", "properties": members}}
    if outputs.tensors:
        return _describe_tensors(outputs)
    return _ANYTHING


def _describe_tensors(signature: Signature) -> "dict[str, Any]":
    if len(signature.tensors) == 1 and signature.tensors[0].name is None:
        return _describe_tensor(signature.tensors[0])
    members = {str(one.name): _describe_tensor(one) for one in signature.tensors}
    return {
        "type": "object",
        "properties": members,
        "example": {name: member["example"] for name, member in members.items()},
    }


def _describe_tensor(tensor: Tensor) -> "dict[str, Any]":
    described: dict[str, Any] = _describe_dtype(tensor.dtype)
    for size in reversed(tensor.shape):
        example = [described["example"]] * (size if 0 < size <= 4 else 1)
        described = {"type": "array", "items": described, "example": example}
    return described | {"format": "numpy.ndarray"}


def _describe_dtype(dtype: str) -> "dict[str, Any]":
    if dtype.startswith(("int", "uint")):
        return _TYPES["long"]
    if dtype.startswith("float"):
        return _TYPES["double"]
    return _TYPES["boolean"] if dtype == "bool" else _TYPES["string"]


def _describe_column(column: Column) -> "dict[str, Any]":
    return _TYPES.get(column.kind, _ANYTHING)


def _describe_param(spec: Any) -> "dict[str, Any]":
    name = getattr(spec.dtype, "name", "")
    described = dict(_TYPES[name]) if name in _PARAM_TYPES else dict(_ANYTHING)
    if spec.shape is not None:
        described = {"type": "array", "items": described}
    return described | {"default": _plain(spec.default)}


def _plain(value: Any) -> Any:
    """A default in JSON's words."""
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value.tolist() if hasattr(value, "tolist") else str(value)
