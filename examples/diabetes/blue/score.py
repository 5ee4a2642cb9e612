"""Scoring script of the blue deployment: a linear pipeline."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import joblib

model: Any = None


def init() -> None:
    """Called once when an instance starts."""
    global model
    path = Path(os.environ["AZUREML_MODEL_DIR"]) / "linear.joblib"
    model = joblib.load(path)
    logging.info("loaded %s", path.name)


def run(raw_data: str) -> dict[str, Any]:
    """Called for every request, with its body."""
    rows = json.loads(raw_data)["data"]
    logging.info("scoring %d row(s)", len(rows))
    return {"predictions": model.predict(rows).tolist(), "model": "linear"}
