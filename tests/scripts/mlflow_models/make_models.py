"""Save models of several flavours: `make_models.py FOLDER REQUIREMENT...`. Run in an environment with those packages.

All get the same requirements, so that one environment serves them all.
"""

import logging
import sys
import warnings
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.models.signature import ModelSignature
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.filterwarnings("ignore")
logging.getLogger("mlflow").setLevel(logging.ERROR)


class Shift(mlflow.pyfunc.PythonModel):
    """The sum of a row, shifted by a parameter."""

    def predict(self, context, model_input, params=None):
        if (model_input["a"] < 0).any():
            raise RuntimeError("no value may be negative")
        shift = (params or {}).get("shift", 0.0)
        return pd.DataFrame({"sum": model_input.sum(axis=1) + shift})


class Shapes(mlflow.pyfunc.PythonModel):
    """The mean of each image."""

    def predict(self, context, model_input, params=None):
        return np.asarray(model_input).mean(axis=(1, 2))


class Named(mlflow.pyfunc.PythonModel):
    """Two tensors by name in, two out."""

    def predict(self, context, model_input, params=None):
        return {"sums": model_input["a"].sum(axis=1) + model_input["b"].astype("float32"), "same": model_input["a"]}


def make_rows(count=200):
    source = np.random.default_rng(1)
    rows = pd.DataFrame(
        {
            "age": source.integers(20, 80, count),
            "chol": source.normal(200, 30, count),
            "thal": source.choice(["fixed", "normal", "reversible"], count),
        }
    )
    return rows, (rows.age > 50).astype(int)


def make_pipeline_model(estimator):
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["thal"]), remainder=StandardScaler())
    return make_pipeline(encode, estimator)


def main(folder, requirements):
    rows, target = make_rows()
    numbers = rows[["age", "chol"]].astype(float)
    pipeline = make_pipeline_model(LogisticRegression()).fit(rows, target)
    common = {"pip_requirements": requirements}
    if "--old" in sys.argv:
        signature = infer_signature(rows, pipeline.predict(rows))
        mlflow.sklearn.save_model(pipeline, folder / "old", signature=signature, **common)
        return
    import lightgbm
    import xgboost

    signature = infer_signature(rows, pipeline.predict(rows))
    mlflow.sklearn.save_model(
        pipeline, folder / "strings", signature=signature, serialization_format="cloudpickle", **common
    )
    booster = xgboost.XGBClassifier(n_estimators=5).fit(numbers, target)
    mlflow.xgboost.save_model(
        booster, folder / "xgboost", signature=infer_signature(numbers, booster.predict(numbers)), **common
    )
    booster = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(numbers, target)
    mlflow.lightgbm.save_model(
        booster, folder / "lightgbm", signature=infer_signature(numbers, booster.predict(numbers)), **common
    )
    doubles = Schema([ColSpec(DataType.double, "a"), ColSpec(DataType.double, "b", required=False)])
    params = ParamSchema([ParamSpec("shift", DataType.double, 10.0)])
    signature = ModelSignature(doubles, Schema([ColSpec(DataType.double, "sum")]), params)
    mlflow.pyfunc.save_model(folder / "params", python_model=Shift(), signature=signature, **common)
    tensor = ModelSignature(
        Schema([TensorSpec(np.dtype("float32"), (-1, 2, 2))]), Schema([TensorSpec(np.dtype("float32"), (-1,))])
    )
    mlflow.pyfunc.save_model(folder / "tensors", python_model=Shapes(), signature=tensor, **common)
    inputs = Schema([TensorSpec(np.dtype("float32"), (-1, 2), "a"), TensorSpec(np.dtype("int64"), (-1,), "b")])
    outputs = Schema([TensorSpec(np.dtype("float32"), (-1,), "sums"), TensorSpec(np.dtype("float32"), (-1, 2), "same")])
    named = ModelSignature(inputs, outputs)
    mlflow.pyfunc.save_model(folder / "named", python_model=Named(), signature=named, **common)
    mlflow.sklearn.save_model(
        LinearRegression().fit(numbers.to_numpy(), target),
        folder / "array",
        signature=infer_signature(numbers.to_numpy(), np.array([0.5])),
        serialization_format="cloudpickle",
        **common,
    )
    mlflow.sklearn.save_model(pipeline, folder / "unsigned", serialization_format="cloudpickle", **common)


main(Path(sys.argv[1]), [word for word in sys.argv[2:] if not word.startswith("--")])
