"""From what a model returned to JSON, in the shape that the request's family expects. Used by mlflow_invocation.py."""

import json
from enum import Enum
from typing import Any

import numpy as np
import orjson
from mlflow.utils.proto_json_utils import NumpyEncoder, _get_jsonable_obj


class Shape(Enum):
    """How the answer is wrapped: by who asked."""

    AZURE = "the predictions themselves"
    MLFLOW = '{"predictions": …}'
    BARE = "as the model returned it, for chat and completion requests"


def encode_predictions(raw: Any, shape: Shape) -> bytes:
    """Objects of numpy and pandas as MLflow's server has them. Raises TypeError for what JSON has no words for."""
    if type(raw) is np.ndarray and raw.dtype.kind in "iufb":
        values: Any = raw.tolist()
        encoded = orjson.dumps({"predictions": values} if shape is Shape.MLFLOW else values)
        # orjson writes NaN as null; MLflow's server and Azure's write NaN.
        if b"null" not in encoded:
            return encoded
    else:
        values = _get_jsonable_obj(raw, pandas_orient="records")
    return json.dumps({"predictions": values} if shape is Shape.MLFLOW else values, cls=NumpyEncoder).encode()
