"""A regression of scikit-learn, as in Azure's tutorials."""

import json
import os
from typing import Any

model: Any = None


def init() -> None:
    global model
    import joblib

    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.pkl"))


def run(raw_data: str) -> list[float]:
    result: list[float] = model.predict(json.loads(raw_data)["data"]).tolist()
    return result
