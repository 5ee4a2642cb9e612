"""Train the two models of this example on scikit-learn's bundled diabetes data: 442 patients, ten measurements each.

    python train.py [folder]

writes models/linear.joblib (blue), models/boosting.joblib (green), sample-request.json with two patients that neither
model has seen, and expected.json: every patient with what each model answers, so that a client can check each answer.
"""

import json
import sys
from pathlib import Path

import joblib
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def main(folder: Path) -> None:
    rows, progression = load_diabetes(return_X_y=True)
    rows_train, rows_test, progression_train, progression_test = train_test_split(rows, progression, random_state=0)
    models = {
        "linear": make_pipeline(StandardScaler(), Ridge()),
        "boosting": GradientBoostingRegressor(
            learning_rate=0.05, max_depth=2, subsample=0.5, max_features=3, random_state=0
        ),
    }
    (folder / "models").mkdir(parents=True, exist_ok=True)
    for name, model in models.items():
        model.fit(rows_train, progression_train)
        joblib.dump(model, folder / "models" / f"{name}.joblib")
        error = mean_absolute_error(progression_test, model.predict(rows_test))
        print(f"{name}: off by {error:.1f} on average, for {len(rows_test)} patients it has not seen")

    expected = {name: model.predict(rows).tolist() for name, model in models.items()}
    (folder / "expected.json").write_text(json.dumps({"rows": rows.tolist(), "predictions": expected}))
    (folder / "sample-request.json").write_text(json.dumps({"data": rows_test[:2].tolist()}, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
