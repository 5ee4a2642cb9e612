"""Load an MLflow model and say what is wrong with it when that fails. Called by mlflow_serving.py.

BootFailed                          (failures.py)
└── MlflowModelError
    ├── MlflowModelNotFound         no MLmodel where one should be
    ├── MlflowModelInvalid          an MLmodel that cannot be read, or without the python_function flavour
    ├── MlflowNotInstalled          the environment lacks mlflow itself
    ├── MlflowFlavorNotInstalled    it lacks a package that the model is made of
    └── MlflowModelLoadFailed       anything else that loading raised
"""

import contextlib
import io
import json
import logging
import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from .failures import BootFailed
from .user_script import HINT_TREE_LINES, walk_folder

logger = logging.getLogger("azmlinfsrv")


class MlflowModelError(BootFailed):
    pass


class MlflowModelNotFound(MlflowModelError):
    pass


class MlflowModelInvalid(MlflowModelError):
    pass


class MlflowNotInstalled(MlflowModelError):
    pass


class MlflowFlavorNotInstalled(MlflowModelError):
    pass


class MlflowModelLoadFailed(MlflowModelError):
    pass


def load_mlflow_model(folder: Path) -> Any:
    """The mlflow.pyfunc.PyFuncModel in a folder. Raises MlflowModelError."""
    if not (folder / "MLmodel").is_file():
        listing = ", ".join(islice(walk_folder(folder), HINT_TREE_LINES)) if folder.is_dir() else "nothing"
        raise MlflowModelNotFound(
            f"There is no MLmodel in {folder.name}",
            f"An MLflow model is a folder with a file MLmodel at its top; this one holds: {listing}",
        )
    os.environ.setdefault("_MLFLOW_IS_IN_SERVING_ENVIRONMENT", "true")  # as MLflow's own server says it
    pyfunc = _load_pyfunc(folder)
    from mlflow.exceptions import MlflowException

    arguments: dict[str, Any] = {}
    if config := os.environ.get("SERVING_MODEL_CONFIG"):
        arguments["model_config"] = _parse_config(config)
    try:
        return pyfunc.load_model(str(folder), **arguments)
    except ModuleNotFoundError as error:
        raise _build_missing_package(folder, error) from error
    except MlflowException as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise _build_missing_package(folder, error.__cause__) from error
        raise MlflowModelInvalid(f"{folder.name}/MLmodel: {error.message}", _AGAIN) from error
    except BaseException as error:  # also SystemExit: whatever ends loading must be reported
        raise MlflowModelLoadFailed(
            f"Loading the model {folder.name} raised {type(error).__name__}: {error}",
            "A model needs the package versions it was saved with: check its requirements.txt; constraints for all"
            " models of a server can be set in its data directory (docs/mlflow-models.md).",
        ) from error


def find_predict(model: Any) -> "Callable[..., Any] | None":
    """The function below PyFuncModel.predict, for data that needs no enforcement any more; None: take the long way.

    The long way is for models that read the context which PyFuncModel.predict sets up, or that take parameters.
    """
    metadata = model.metadata
    function = getattr(model, "_predict_fn", None)
    if function is None or not callable(function) or (metadata.metadata or {}).get("dependencies_schemas"):
        return None
    if getattr(metadata, "_is_type_hint_from_example", lambda: False)():
        return None
    return function  # type: ignore[no-any-return]


# --- private

_AGAIN = "Save the model again with mlflow, and register the whole folder."


def _load_pyfunc(folder: Path) -> Any:
    try:
        import mlflow.pyfunc as pyfunc
    except ModuleNotFoundError as error:
        if error.name != "mlflow":
            raise MlflowFlavorNotInstalled(
                f"mlflow cannot be imported: it needs the package {error.name!r}",
                "Add it to the model's requirements.txt.",
            ) from error
        raise MlflowNotInstalled(
            "The environment has no mlflow, which loads the model",
            "Leave out the deployment's environment (the model brings its own), or add mlflow to it.",
        ) from error
    except ImportError as error:
        raise MlflowModelLoadFailed(
            f"mlflow cannot be imported for {folder.name}: {error}",
            "Packages of the environment do not fit together: pin them in the model's requirements.txt.",
        ) from error
    return pyfunc


def _build_missing_package(folder: Path, error: ModuleNotFoundError) -> MlflowFlavorNotInstalled:
    package = (error.name or "").partition(".")[0]
    return MlflowFlavorNotInstalled(
        f"The model {folder.name} needs the package {package!r}{_name_flavor(folder, package)}, which is not in its"
        " environment",
        "Add it to the model's requirements.txt (and conda.yaml), and register the model again.",
    )


def _name_flavor(folder: Path, package: str) -> str:
    """Which flavour of the MLmodel the package is, when it is one."""
    import yaml  # mlflow requires it

    with contextlib.suppress(OSError, yaml.YAMLError, AttributeError):
        flavors = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8")).get("flavors") or {}
        loader = str((flavors.get("python_function") or {}).get("loader_module", ""))
        if package in loader or package in flavors:
            return f" (flavour {loader})"
    return ""


def _parse_config(text: str) -> Any:
    try:
        return json.load(io.StringIO(text))
    except ValueError:
        raise MlflowModelInvalid(
            "SERVING_MODEL_CONFIG is not JSON", "Give the model's configuration as a JSON object."
        ) from None
