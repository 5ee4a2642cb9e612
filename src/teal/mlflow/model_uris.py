"""What a model URI of MLflow's means in the registry of the server: `models:/`, `runs:/`, folders (`spec/mlflow.md`
§5.3). Called by teal.mlflow.deployments."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from teal.mlflow.targets import SCHEME, Target
from teal.sdk.client import MLClient
from teal.sdk.entities.models import Model
from teal.sdk.errors import ValidationError

MODEL_FILE = "MLmodel"


def resolve_model(uri: str, client: MLClient, target: Target, *, name: str) -> str:
    """The id that a deployment refers to. A folder, and what a run has logged, is registered as `name` first."""
    parts = urlsplit(uri)
    match parts.scheme:
        case "models":
            return _resolve_registered(uri, parts.path, target, name)
        case "azureml":
            return client.models.resolve(uri)
        case "runs":
            return _register_logged(uri, target, name)
        case "" | "file":
            folder = Path(unquote(uri.removeprefix("file://"))).expanduser()
            if not (folder / MODEL_FILE).is_file():
                raise ValidationError(
                    f"{folder} has no file '{MODEL_FILE}', so it is not an MLflow model.",
                    hint="Give the folder that mlflow.<flavor>.save_model wrote, or models:/<name>/<version>.",
                )
            return client.models.resolve(Model(name=name, path=folder, type="mlflow_model"))
    raise ValidationError(f"'{uri}' is not a model that can be deployed.", hint="Use models:/, runs:/ or a folder.")


# --- private


def _resolve_registered(uri: str, path: str, target: Target, new: str) -> str:
    """A version stays what it is named; an alias is the version it means now, which the server looks up."""
    text = path.strip("/")
    name, _, version = text.partition("/")
    if not version and _LOGGED.fullmatch(name):
        return _register_logged(uri, target, new)
    if not version and "@" in name:
        name, _, alias = name.partition("@")
        version = f"@{alias}"
    if not name or not version:
        raise ValidationError(
            f"'{uri}' names no version of a model.", hint="Write models:/<name>/<version> or models:/<name>@<alias>."
        )
    if version.startswith("@"):
        return f"azureml:{name}{version}"
    if version.lower() in _STAGES:
        version = _find_staged(name, version, target)
    return f"{target.scope.id}/models/{name}/versions/{version}"


def _find_staged(name: str, stage: str, target: Target) -> str:
    from mlflow import MlflowClient

    newest = MlflowClient(_tracking_uri(target)).get_latest_versions(name, [stage])
    if not newest:
        raise ValidationError(f"The model '{name}' has no version in the stage '{stage}'.")
    return str(newest[0].version)


def _register_logged(uri: str, target: Target, name: str) -> str:
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(before if before.startswith(f"{SCHEME}://") else _tracking_uri(target))
    try:
        version = mlflow.register_model(uri, name)
    finally:
        mlflow.set_tracking_uri(before)
    return f"{target.scope.id}/models/{name}/versions/{version.version}"


def _tracking_uri(target: Target) -> str:
    return f"{SCHEME}://{urlsplit(target.api_url).netloc}{target.scope.id}"


_STAGES = ("staging", "production", "archived")
_LOGGED = re.compile(r"m-[0-9a-f]{32}")
"""What MLflow 3 calls a model that a run has logged: `log_model(...).model_uri`."""
