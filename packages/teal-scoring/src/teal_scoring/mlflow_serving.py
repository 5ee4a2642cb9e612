"""Everything worker.py needs to serve an MLflow model in the place of a script. Imported only when one is asked for:
an instance with a script never pays for pandas and mlflow."""

import gc
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .mlflow_model import load_mlflow_model

logger = logging.getLogger("azmlinfsrv")


@dataclass(frozen=True)
class MlflowServing:
    """A loaded model: how it is called, where else it answers, and how it is described."""

    invocation: Any
    routes: Any
    schemas: "tuple[Any, Any, None]"


def load_serving(folder: Path, model_dir: "str | None") -> MlflowServing:
    """Raises BootFailed."""
    model = load_mlflow_model(folder)
    # Whatever these import needs mlflow and pandas, and so a model that could be loaded.
    import mlflow

    from .mlflow_invocation import MlflowInvocation
    from .mlflow_routes import MlflowRoutes
    from .mlflow_swagger import build_schemas

    name, version = find_name(folder, model_dir)
    invocation = MlflowInvocation(model, name, version)
    metadata = model.metadata
    params_schema = metadata.get_params_schema() if hasattr(metadata, "get_params_schema") else None
    signed = "with" if invocation.inputs.is_known else "without"
    # Half a million objects of pandas, mlflow and the model live until the end: a collection need not look at them.
    gc.collect()
    gc.freeze()
    logger.info("Loaded the MLflow model %s, %s a signature, by mlflow %s", name, signed, mlflow.__version__)
    return MlflowServing(
        invocation,
        MlflowRoutes(invocation.open_inference, mlflow.__version__),
        build_schemas(invocation.inputs, invocation.outputs, params_schema),
    )


def find_name(folder: Path, model_dir: "str | None") -> "tuple[str, str]":
    """(name, version) of the model asset: the last two parts of AZUREML_MODEL_DIR where that is given."""
    if model_dir:
        path = Path(model_dir)
        if path.parent.name and path != folder:
            return path.parent.name, path.name
    return folder.name, "1"
