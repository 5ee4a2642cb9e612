"""Train two pipelines from raw columns to a prediction, and save them as MLflow models.

    python train.py [folder]

writes models/logistic (blue) and models/xgboost (green), sample-request.json with three patients that neither has seen,
and expected.json with what each model answers for them.
"""

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import mlflow
from data import CATEGORIES, make_patients  # type: ignore[import-not-found]
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier  # type: ignore[import-not-found]

REQUIREMENTS = [f"{name}=={version(name)}" for name in ("mlflow", "numpy", "pandas", "scikit-learn", "xgboost")]


def build_pipeline(name: str) -> Pipeline:
    """Everything between a row as it was written down and a prediction is part of the model."""
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), CATEGORIES),
        remainder=StandardScaler(),
        verbose_feature_names_out=False,
    )
    if name == "logistic":
        return make_pipeline(encode, LogisticRegression(max_iter=1000))
    return make_pipeline(encode, XGBClassifier(n_estimators=120, max_depth=3, learning_rate=0.08, random_state=0))


def main(folder: Path) -> None:
    warnings.filterwarnings("ignore", message=".*integer column.*")
    patients = make_patients()
    rows, target = patients.drop(columns="target"), patients.target
    rows_train, rows_test, target_train, target_test = train_test_split(rows, target, random_state=0)
    sample = rows_test.head(3)
    expected = {}
    for name in ("logistic", "xgboost"):
        pipeline = build_pipeline(name).fit(rows_train, target_train)
        auc = roc_auc_score(target_test, pipeline.predict_proba(rows_test)[:, 1])
        print(f"{name}: area under the curve {auc:.3f}, for {len(rows_test)} patients it has not seen")
        mlflow.sklearn.save_model(
            pipeline,
            folder / "models" / name,
            signature=infer_signature(rows_train, pipeline.predict(rows_train)),
            input_example=sample,
            pip_requirements=REQUIREMENTS,
            serialization_format="cloudpickle",
        )
        expected[name] = pipeline.predict(sample).tolist()
    split = sample.to_dict(orient="split")
    request = {"input_data": {"columns": split["columns"], "data": split["data"]}}
    (folder / "sample-request.json").write_text(json.dumps(request, indent=2) + "\n")
    (folder / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
