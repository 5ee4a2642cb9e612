"""MLflow models as far as rules need them: which model is one, and where in its files it is. Called by control and
reconcile."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
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


def find_path_outside(model_file: Mapping[str, Any]) -> str | None:
    """What the MLmodel, read, names beside its own folder: MLflow would open it when the model is loaded."""
    for name, flavor in (model_file.get("flavors") or {}).items():
        for member, path in _list_paths(flavor, str(name)):
            parts = PurePosixPath(path.replace("\\", "/")).parts
            if ".." in parts or path.startswith(("/", "\\")) or _DRIVE.match(path):
                return f"{member}: {path}"
    return None


# --- private

_FILES_SHOWN = 10
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_PATH_MEMBERS = frozenset(
    {"model_path", "data", "code", "env", "conda", "virtualenv", "path", "pickled_model", "python_model", "model_code"}
    | {"model_code_path", "model_data", "transform_path"}
)


def _list_paths(value: Any, member: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in _PATH_MEMBERS and isinstance(inner, str):
                yield f"{member}.{name}", inner
            elif isinstance(inner, dict):
                yield from _list_paths(inner, f"{member}.{name}")
