"""A model like the article's: raw rows of patients, one column of text, a pipeline that does all the rest."""

from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

COLUMNS = ("age", "chol", "thal")


def build_frame() -> pd.DataFrame:
    rows = [(40 + i, 180 + 7 * i % 90, ("normal", "fixed", "reversible")[i % 3]) for i in range(30)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def save_model(folder: Path) -> Path:
    frame = build_frame()
    target = [int(row.age + (20 if row.thal == "fixed" else 0) > 60) for row in frame.itertuples()]
    encode = ColumnTransformer([("thal", OneHotEncoder(), ["thal"])], remainder="passthrough")
    pipeline = make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(frame, target)
    signature = mlflow.models.infer_signature(frame, pipeline.predict(frame))
    pins = [f"{name}=={version(name)}" for name in ("mlflow", "scikit-learn", "numpy", "pandas")]
    mlflow.sklearn.save_model(
        pipeline, str(folder), signature=signature, pip_requirements=pins, serialization_format="cloudpickle"
    )
    return folder
