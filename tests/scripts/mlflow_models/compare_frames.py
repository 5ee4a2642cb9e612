"""The short way to a frame against MLflow's own parsing and enforcement: both must give the same. Run in an environment
with mlflow and teal-scoring."""

import json
import random

import pandas as pd
from mlflow.models.utils import _enforce_schema
from mlflow.types import ColSpec, DataType, Schema
from mlflow.utils.proto_json_utils import dataframe_from_parsed_json
from teal_scoring.mlflow_frames import Frames
from teal_scoring.mlflow_signature import build_signature

VALUES = {
    "boolean": [True, False],
    "integer": [0, -5, 2**31 - 1],
    "long": [0, 7, -(2**63), 2**63 - 1],
    "float": [0, 1.5, -3, 1e30, 16777217],
    "double": [0, 1.5, -3, 1e300, 2**53 + 1, 2**63, -0.0],
    "string": ["", "a", "ä", "1", "nan", "None"],
}
ODD = [None, "x", 1.5, True, 3, 2**70, [1], {"a": 1}]


def make_case(source):
    count = source.randint(1, 5)
    kinds = [source.choice(list(VALUES)) for _ in range(count)]
    if source.random() < 0.3:
        kinds = [kinds[0]] * count
    columns = [
        ColSpec(DataType[kind], f"c{number}", required=source.random() < 0.8) for number, kind in enumerate(kinds)
    ]
    rows = [[source.choice(VALUES[kind]) for kind in kinds] for _ in range(source.randint(1, 4))]
    names = [column.name for column in columns]
    if source.random() < 0.3:
        source.choice(rows)[source.randrange(count)] = source.choice(ODD)
    if source.random() < 0.2:
        order = list(range(count))
        source.shuffle(order)
        names, rows = [names[n] for n in order], [[row[n] for n in order] for row in rows]
    if count > 1 and source.random() < 0.2:
        gone = source.randrange(count)
        names, rows = names[:gone] + names[gone + 1 :], [row[:gone] + row[gone + 1 :] for row in rows]
    return Schema(columns), names, rows


def parse_as_mlflow(schema, data, orient):
    return _enforce_schema(dataframe_from_parsed_json(json.loads(json.dumps(data)), orient, schema), schema)


source = random.Random(5)
short = 0
for number in range(600):
    schema, names, rows = make_case(source)
    frames = Frames(build_signature(schema))
    records = [dict(zip(names, row)) for row in rows]
    for ours, data, orient in (
        (frames.from_rows(names, rows), {"columns": names, "data": rows}, "split"),
        (frames.from_records(records), records, "records"),
    ):
        if ours is not None:
            short += 1
            theirs = parse_as_mlflow(schema, data, orient)
            pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
assert short > 400, short
print(short)
