"""MLflow's tracking and registry stores for `mlflow.set_tracking_uri("teal://HOST:PORT/…")` (`spec/mlflow.md` §8).

MLflow's own REST stores do the work; what is Teal's is the way to the server and the upload of local models. Found
through the entry points `mlflow.tracking_store` and `mlflow.model_registry_store`.
"""

from pathlib import Path
from typing import Any
from urllib.parse import unquote

from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.rest_store import RestStore as RegistryRestStore
from mlflow.store.tracking.rest_store import RestStore as TrackingRestStore
from mlflow.utils.rest_utils import MlflowHostCreds

from teal.mlflow.failures import as_mlflow
from teal.mlflow.model_uris import MODEL_FILE
from teal.mlflow.targets import Target, find_target
from teal.sdk.transport import Conversation
from teal.sdk.uploads import find_default_container, fingerprint, upload_once


def build_tracking_store(store_uri: str, artifact_uri: str | None = None) -> TrackingRestStore:
    with as_mlflow():
        target = find_target(store_uri)
    return TrackingRestStore(lambda: _credentials(target))


def build_registry_store(store_uri: str, tracking_uri: str | None = None) -> "TealRegistryStore":
    with as_mlflow():
        return TealRegistryStore(find_target(store_uri))


class TealRegistryStore(RegistryRestStore):
    """Registers local folders too: they are sent once, however often they are registered."""

    def __init__(self, target: Target) -> None:
        super().__init__(lambda: _credentials(target))
        self._target = target

    def create_model_version(self, name: str, source: str, *args: Any, **kwargs: Any) -> Any:
        folder = _find_folder(source)
        if folder is not None:
            with as_mlflow():
                source = self._upload(folder)
        return super().create_model_version(name, source, *args, **kwargs)

    # --- private

    def _upload(self, folder: Path) -> str:
        if not (folder / MODEL_FILE).is_file():
            raise MlflowException.invalid_parameter_value(
                f"{folder} has no file '{MODEL_FILE}', so it is not an MLflow model. "
                "Give the folder that mlflow.<flavor>.save_model wrote."
            )
        conversation = Conversation(self._target.address)
        try:
            container = find_default_container(conversation, self._target.scope.id, None)
            blob = upload_once(conversation, container, folder, f"LocalUpload/{fingerprint(folder)}")
        finally:
            conversation.close()
        return f"{self._target.artifacts_uri}/{blob}"


def _credentials(target: Target) -> MlflowHostCreds:
    ca = target.address.ca
    return MlflowHostCreds(target.api_url, token=target.address.token, server_cert_path=str(ca) if ca else None)


def _find_folder(source: str) -> Path | None:
    """The local folder that a source names; None for every other kind of address."""
    if source.startswith("file:"):
        return Path(unquote(source.removeprefix("file:").removeprefix("//"))).expanduser()
    if "://" in source or source.startswith(("models:/", "runs:/", "azureml:")):
        return None
    folder = Path(source).expanduser()
    return folder if folder.exists() else None
