"""Save the models of benchmarks/mlflow.py: `save_mlflow_models.py FOLDER`, in an environment with mlflow.

numbers: the ten measurements of scikit-learn's diabetes data, scaled, and a ridge regression.
strings: raw columns, one of them text that is encoded, and a logistic regression.
"""

import logging
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

logging.getLogger("mlflow").setLevel(logging.ERROR)


def save(folder, name, model, rows, target):
    model.fit(rows, target)
    signature = infer_signature(rows, model.predict(rows))
    options = {"pip_requirements": ["mlflow", "scikit-learn"], "serialization_format": "cloudpickle"}
    mlflow.sklearn.save_model(model, folder / name, signature=signature, **options)
    row = rows.head(1).to_dict(orient="split")
    pd.Series({"columns": row["columns"], "data": row["data"]}).to_json(folder / f"{name}.json")


folder = Path(sys.argv[1])
rows, target = load_diabetes(return_X_y=True, as_frame=True)
save(folder, "numbers", make_pipeline(StandardScaler(), Ridge()), rows, target)

source = np.random.default_rng(0)
rows = pd.DataFrame(
    {
        "age": source.integers(20, 80, 400),
        "chol": source.normal(200, 30, 400),
        "thal": source.choice(["fixed", "normal", "reversible"], 400),
    }
)
encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["thal"]), remainder=StandardScaler())
save(folder, "strings", make_pipeline(encode, LogisticRegression()), rows, (rows.age > 50).astype(int))
