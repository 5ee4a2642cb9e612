"""From a request's body to the data and parameters of predict(): Azure's payloads and MLflow's on the same URL.

Used by mlflow_invocation.py. Azure's: {"input_data": …, "params": …} (Azure ML, "Deploy MLflow models to online
endpoints"). MLflow's: mlflow.pyfunc.scoring_server, whose own functions do the parsing wherever mlflow_frames.py does
not.
"""

import io
import json
import traceback
from typing import Any, NamedTuple

import orjson
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.utils.proto_json_utils import dataframe_from_parsed_json, parse_tf_serving_input

from .mlflow_frames import Frames
from .mlflow_predictions import Shape
from .mlflow_signature import Signature, explain_mismatch, explain_missing
from .mlflow_tensors import explain_cut, explain_tensors

CSV, JSON, PARQUET = "text/csv", "application/json", "application/vnd.apache.parquet"


class BadPayload(Exception):
    """The request is not one that this model can be asked by. `trace`: where a reader of pandas gave up. `code`: what
    MLflow's server calls it."""

    def __init__(self, message: str, trace: "str | None" = None, code: str = "BAD_REQUEST") -> None:
        super().__init__(message)
        self.trace = trace
        self.code = code


class UnsupportedContent(Exception):
    """The content type is none of those that MLflow's server takes."""


class Payload(NamedTuple):
    """What predict() is called with. `is_enforced`: the data is exactly what the signature's enforcement would give."""

    data: Any
    params: "dict[str, Any] | None"
    shape: Shape
    is_enforced: bool = False


class Payloads:
    """Parses requests for one model."""

    def __init__(self, schema: Any, inputs: Signature, params_schema: Any, *, is_from_type_hint: bool) -> None:
        self._schema = schema
        self._inputs = inputs
        self._names = inputs.names
        self._frames = Frames(inputs)
        self._is_from_type_hint = is_from_type_hint
        self._param_names = {one.name for one in params_schema.params} if params_schema else set()

    def parse(self, body: bytes, content_type: "str | None", *, is_strict: bool) -> Payload:
        """`is_strict`: as MLflow's server, which insists on a content type. Raises BadPayload, UnsupportedContent, and
        MlflowException where MLflow refuses."""
        kind, _, rest = (content_type or "").partition(";")
        kind = kind.strip().lower()
        if is_strict:
            _check_content_type(kind, rest, content_type)
        if kind == CSV:
            return Payload(self._parse_csv(body), None, Shape.MLFLOW)
        if kind == PARQUET:
            return Payload(_read(pd.read_parquet, io.BytesIO(body), "Parquet"), None, Shape.MLFLOW)
        return self._parse_document(_parse_json(body))

    # --- private

    def _parse_document(self, document: "dict[str, Any]") -> Payload:
        given = [name for name in _FORMATS if name in document]
        if len(given) == 1:
            params = document.get("params")
            if params is not None and not isinstance(params, dict):
                raise BadPayload("'params' must be a JSON object.")
            data = document[given[0]]
            if given[0] == "input_data":
                return self._parse_azure(data, params)
            return self._parse_mlflow(given[0], data, params)
        if not given and any(name in document for name in _CHAT_FORMATS):
            params = {name: value for name, value in document.items() if name in self._param_names}
            return Payload({name: v for name, v in document.items() if name not in params}, params, Shape.BARE)
        found = ", ".join(map(repr, document)) or "nothing"
        raise BadPayload(f"{_ONE_OF}. Received dictionary with input fields: {found}.")

    def _parse_azure(self, data: Any, params: "dict[str, Any] | None") -> Payload:
        if self._is_from_type_hint:
            return Payload(data, params, Shape.AZURE)
        if isinstance(data, dict) and "data" in data and data.keys() <= {"columns", "index", "data"}:
            return self._build(self._from_split(data), params, Shape.AZURE)
        first = data[0] if isinstance(data, list) and data else None
        if isinstance(first, dict) and not self._inputs.tensors:
            return self._build(self._from_records(data), params, Shape.AZURE)
        if isinstance(first, dict):  # one object a row, of tensors with names
            return Payload(self._from_tensors("instances", data), params, Shape.AZURE)
        if isinstance(first, list) and self._names and len(self._names) > 1:
            return self._build(self._from_split({"data": data}), params, Shape.AZURE)
        if isinstance(data, (dict, list)):
            return Payload(self._from_tensors("inputs", data), params, Shape.AZURE)
        raise BadPayload(
            "'input_data' must be an object with 'columns' and 'data', an object of named tensors, a list of records or"
            f" a tensor, not {type(data).__name__}."
        )

    def _parse_mlflow(self, name: str, data: Any, params: "dict[str, Any] | None") -> Payload:
        if self._is_from_type_hint:
            if name != "inputs":
                raise BadPayload("The model's signature comes from a type hint; its payload has the field 'inputs'.")
            return Payload(data, params, Shape.MLFLOW)
        if name == "dataframe_split":
            return self._build(self._from_split(data), params, Shape.MLFLOW)
        if name == "dataframe_records":
            return self._build(self._from_records(data), params, Shape.MLFLOW)
        return Payload(self._from_tensors(name, data), params, Shape.MLFLOW)

    def _build(self, made: "tuple[Any, bool]", params: "dict[str, Any] | None", shape: Shape) -> Payload:
        return Payload(made[0], params, shape, made[1])

    def _from_split(self, split: Any) -> "tuple[Any, bool]":
        if isinstance(split, dict) and isinstance(split.get("data"), list):
            rows, names, index = split["data"], split.get("columns"), split.get("index")
            if names is None and self._names and rows and isinstance(rows[0], list):
                names = self._names
                if len(rows[0]) != len(names):
                    raise BadPayload(
                        f"The model takes {len(names)} columns ({', '.join(map(repr, names))}), and row 0 has"
                        f" {len(rows[0])} values. Name the columns that are given in 'columns'."
                    )
                split = split | {"columns": names}
            if isinstance(names, list):
                if index is None or index == list(range(len(rows))):
                    frame = self._frames.from_rows(names, rows)
                    if frame is not None:
                        return frame, True
                self._explain(names, rows)
        return dataframe_from_parsed_json(split, pandas_orient="split", schema=self._schema), False

    def _from_records(self, records: Any) -> "tuple[Any, bool]":
        if isinstance(records, list) and records and isinstance(records[0], dict):
            frame = self._frames.from_records(records)
            if frame is not None:
                return frame, True
            if all(isinstance(record, dict) for record in records):
                names = list(dict.fromkeys(name for record in records for name in record))
                self._explain(names, [[record.get(name) for name in names] for record in records])
        return dataframe_from_parsed_json(records, pandas_orient="records", schema=self._schema), False

    def _from_tensors(self, name: str, data: Any) -> Any:
        """MLflow's parsing, after a look at named columns: its own errors do not say which one it was."""
        if self._names and isinstance(data, dict) and all(isinstance(values, list) for values in data.values()):
            self._explain(list(data), list(zip(*data.values(), strict=False)))
        elif self._names and isinstance(data, list) and data and all(isinstance(one, dict) for one in data):
            names = list(dict.fromkeys(name for record in data for name in record))
            self._explain(names, [[record.get(name) for name in names] for record in data])
        elif self._inputs.tensors and (why := explain_cut(self._inputs.tensors, data)):
            raise BadPayload(why)
        try:
            return parse_tf_serving_input({name: data}, schema=self._schema)
        except (MlflowException, TypeError, ValueError, OverflowError):
            if why := explain_tensors(self._inputs.tensors, data):
                raise BadPayload(why) from None
            raise

    def _parse_csv(self, body: bytes) -> Any:
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadPayload(f"Ensure that input is a valid UTF-8 encoded string. Error: '{error!r}'") from None
        frame = _read(pd.read_csv, io.StringIO(text), "CSV")
        if self._schema is None or self._names is None:
            return frame
        self._explain(list(frame.columns), frame.astype(object).where(frame.notna(), None).to_numpy().tolist())
        dtypes = dict(zip(self._names, self._schema.pandas_types(), strict=True))
        return _read(lambda source: pd.read_csv(source, dtype=dtypes), io.StringIO(text), "CSV")

    def _explain(self, names: "list[Any]", rows: "list[Any]") -> None:
        if self._names and all(isinstance(row, (list, tuple)) for row in rows):
            try:
                why = explain_mismatch(self._inputs.columns, names, rows)
                missing = explain_missing(self._inputs.columns, names)
            except TypeError:  # a name that cannot be one, such as a list: MLflow has the words
                return
            # In MLflow's order: its server reads the values before it looks at the schema.
            if why:
                raise BadPayload(why)
            if missing:
                raise BadPayload(missing, code="INVALID_PARAMETER_VALUE")


# --- private

_FORMATS = ("input_data", "dataframe_split", "dataframe_records", "inputs", "instances")
_CHAT_FORMATS = ("messages", "prompt", "input")
_ONE_OF = (
    "The input must be a JSON dictionary with exactly one of the input fields 'input_data' (Azure), 'dataframe_split',"
    " 'dataframe_records', 'inputs', 'instances' (MLflow)"
)


def _check_content_type(kind: str, rest: str, whole: "str | None") -> None:
    values = dict(part.strip().partition("=")[::2] for part in rest.split(";") if part.strip())
    if values.get("charset", "utf-8").lower() != "utf-8":
        raise UnsupportedContent("The scoring server only supports UTF-8")
    if unknown := values.keys() - {"charset"}:
        raise UnsupportedContent(f"Unrecognized content type parameters: {', '.join(sorted(unknown))}.")
    if kind not in (CSV, JSON, PARQUET):
        raise UnsupportedContent(
            f"This predictor only supports the following content types: Types: {[CSV, JSON, PARQUET]}. Got '{whole}'."
        )


def _parse_json(body: bytes) -> "dict[str, Any]":
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            document = json.loads(body)  # NaN and Infinity, which MLflow's server takes
        except ValueError as error:
            raise BadPayload(f"Ensure that input is a valid JSON formatted string. Error: '{error!r}'") from None
    if isinstance(document, dict):
        return document
    words = "a list" if isinstance(document, list) else f"unexpected input type '{type(document)}'"
    raise BadPayload(f"{_ONE_OF}. Received {words}.")


def _read(read: Any, source: Any, words: str) -> Any:
    try:
        return read(source)
    except MlflowException:
        raise
    except Exception as error:  # noqa: BLE001 (the edge: pandas' readers raise whatever they like)
        raise BadPayload(
            f"Failed to parse input as a Pandas DataFrame. Ensure that the input is a valid {words}-formatted Pandas"
            f" DataFrame. Error: '{error}'",
            traceback.format_exc(),
        ) from None
