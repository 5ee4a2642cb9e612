"""Random requests to models of every kind of signature: what MLflow's own scoring server makes of them and what
teal-scoring makes of them must be the same. `compare_answers.py FOLDER`, in an environment with both.

The one difference that is wanted: 1.5 and the like for a column of whole numbers is refused.
"""

import json
import logging
import random
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.pyfunc import scoring_server
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from teal_scoring.mlflow_serving import load_serving

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
CASES = 50


class Echo(mlflow.pyfunc.PythonModel):
    """Answers with what it was asked, types included."""

    def predict(self, context, model_input, params=None):
        if not isinstance(model_input, pd.DataFrame):
            return [type(model_input).__name__, repr(model_input), repr(params)]
        columns = [[str(k), str(v), repr(model_input[k].tolist())] for k, v in model_input.dtypes.items()]
        return [*columns, repr(model_input.index.tolist()), repr(params)]


VALUES = {
    "boolean": [True, False],
    "integer": [1, -2],
    "long": [1, 2**40],
    "float": [1.5, 2],
    "double": [1.5, 3],
    "binary": ["YWI="],
    "datetime": ["2021-01-01T00:00:00", "2021-02-02"],
    "string": ["a", "b"],
}
ODD = [None, "x", 1.5, True, 3, [1, 2], {"k": 1}, float("nan"), ""]
TENSORS = [
    {"inputs": [[1, 2], [3, 4]]},
    {"instances": [[1, 2.5]]},
    {"inputs": [[1, 2, 3]]},
    {"inputs": {"a": [[1, 2]], "b": [1.5]}},
    {"instances": [{"a": [1, 2], "b": 3.0}]},
    {"inputs": "x"},
    {"inputs": [1, 2]},
    {"dataframe_split": {"columns": [0, 1], "data": [[1, 2]]}},
    {"inputs": ["p", "q"]},
]


def columns(*kinds):
    return [ColSpec(DataType[kind], kind) for kind in kinds]


SIGNATURES = {
    "all": ModelSignature(Schema(columns(*VALUES))),
    "plain": ModelSignature(Schema(columns("long", "double", "string", "boolean"))),
    "numbers": ModelSignature(Schema(columns("double"))),
    "optional": ModelSignature(
        Schema([*columns("double"), *(ColSpec(DataType[k], k, required=False) for k in ("long", "string"))])
    ),
    "params": ModelSignature(
        Schema(columns("double")), params=ParamSchema([ParamSpec("q", DataType.long, 3)])
    ),
    "tensor": ModelSignature(Schema([TensorSpec(np.dtype("float32"), (-1, 2))])),
    "named": ModelSignature(
        Schema([TensorSpec(np.dtype("int64"), (-1, 2), "a"), TensorSpec(np.dtype("float64"), (-1,), "b")])
    ),
    "unnamed": ModelSignature(Schema([ColSpec(DataType.double), ColSpec(DataType.double)])),
    "unsigned": None,
}


def make_payload(source, names):
    names = list(names)
    if source.random() < 0.1:
        names.pop()
    if source.random() < 0.2:
        source.shuffle(names)
    odd = source.random() < 0.3
    records = [
        {name: source.choice(ODD if odd and source.random() < 0.2 else VALUES[name]) for name in names}
        for _ in range(source.randint(1, 3))
    ]
    split = {"columns": names, "data": [list(record.values()) for record in records]}
    indexes = ([], list(range(len(records))), [str(n) for n in range(len(records))])
    index = source.choice(indexes)
    body = source.choice(
        [
            {"dataframe_split": split | ({"index": index} if index else {})},
            {"dataframe_records": records},
            {"inputs": {name: [record[name] for record in records] for name in names}},
            {"instances": records},
        ]
    )
    if source.random() < 0.2:
        body["params"] = source.choice([{"q": 5}, {"unknown": 1}, {"q": "x"}, {}])
    return body


def ask_mlflow(model, schema, body):
    try:
        answer = scoring_server.invocations(body, "application/json", model, schema)
        return answer.status, json.loads(answer.response)
    except MlflowException as error:
        return error.get_http_status_code(), error.error_code


def ask_teal(serving, body):
    scope = SimpleNamespace(path="/invocations")
    request = SimpleNamespace(body=body, header_view={"content-type": "application/json"}, scope=scope)
    answer = serving.invocation.invoke(request)
    document = json.loads(answer.body)
    if "is not a whole number" in document.get("message", ""):
        return None
    return answer.status, document if answer.status == 200 else document["error_code"]


def main(folder):
    source = random.Random(11)
    answered = 0
    for name, signature in SIGNATURES.items():
        mlflow.pyfunc.save_model(folder / name, python_model=Echo(), signature=signature, pip_requirements=["mlflow"])
        model, serving = mlflow.pyfunc.load_model(str(folder / name)), load_serving(folder / name, None)
        schema = model.metadata.get_input_schema()
        named = schema is not None and schema.has_input_names() and not schema.is_tensor_spec()
        names = schema.input_names() if named else ["double", "string"]
        for _ in range(CASES):
            tensors = name in ("tensor", "named") or source.random() < 0.1
            document = source.choice(TENSORS) if tensors else make_payload(source, names)
            body = json.dumps(document).encode()
            theirs, ours = ask_mlflow(model, schema, body), ask_teal(serving, body)
            if ours is None:
                continue
            assert repr(theirs) == repr(ours), (name, document, theirs, ours)
            answered += theirs[0] == 200
    assert answered > 150, answered


main(Path(sys.argv[1]))
