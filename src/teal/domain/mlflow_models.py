"""MLflow models as far as rules need them: which model is one, and where in its files it is. Called by control and
reconcile."""

from collections.abc import Mapping, Sequence
from typing import Any

from teal.domain.errors import InvalidInput

MLFLOW_MODEL = "mlflow_model"
MLMODEL = "MLmodel"
"""The file that makes a folder an MLflow model ("MLflow Models", Storage Format)."""


def is_mlflow_model(body: Mapping[str, Any]) -> bool:
    """Whether a model version, given its resource's properties, is of the type mlflow_model."""
    return str(body.get("modelType", "")).lower() == MLFLOW_MODEL


def find_mlflow_folder(label: str, paths: Sequence[str]) -> str:
    """The folder that holds the MLmodel, "" for the top: the one nearest to it. Raises InvalidInput."""
    found = [path for path in paths if path == MLMODEL or path.endswith(f"/{MLMODEL}")]
    if not found:
        shown = ", ".join(sorted(paths)[:_FILES_SHOWN]) + (" …" if len(paths) > _FILES_SHOWN else "")
        raise InvalidInput(
            f"The model '{label}' is of the type mlflow_model, and its files have no {MLMODEL}: {shown}.",
            code="MlflowModelNotFound",
            target="path",
            hint="Give the folder that mlflow saved, which has a file MLmodel at its top, or register the model with "
            "the type custom_model and a scoring script.",
        )
    return min(found, key=lambda path: (path.count("/"), path)).removesuffix(MLMODEL).rstrip("/")


def is_environment_file(name: str) -> bool:
    """Whether a file, by its path in the model's folder, may describe the model or its environment."""
    return name == MLMODEL or ("/" not in name and name.endswith((".yaml", ".yml", ".txt")))


# --- private

_FILES_SHOWN = 10
