"""`client.models`: registered models; names and arguments as azure.ai.ml's ModelOperations (spec/wire.md §3.4)."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from teal.sdk.downloads import download
from teal.sdk.entities.models import Model
from teal.sdk.errors import HttpResponseError, ResourceNotFoundError, ValidationError
from teal.sdk.folders import hash_text
from teal.sdk.operations.versions import VersionedAssets
from teal.sdk.scopes import Scope
from teal.sdk.shapes import is_address
from teal.sdk.transport import Conversation
from teal.sdk.unsupported import refuse_package, refuse_share
from teal.sdk.uploads import DEFAULT_DATASTORE, find_default_container, fingerprint, upload_once
from teal.sdk.wire.containers import parse_container
from teal.sdk.wire.models import build_model, parse_model


class ModelOperations:
    """Registers, reads and lists models."""

    def __init__(self, conversation: Conversation, scope: Scope) -> None:
        self._conversation = conversation
        self._scope = scope
        self._assets = VersionedAssets(conversation, scope, "models")

    def create_or_update(self, model: Model) -> Model:
        """Send the files if the server has not got them, and register the version; without one, the next."""
        uri, digest = self._place(model, send=True)
        name = model.name or hash_text(digest)
        version = model.version or ("1" if model.name is None else self._next_version(name))
        body = build_model(model, uri=uri, anonymous=model.name is None)
        try:
            return parse_model(self._assets.write(name, version, body))
        except HttpResponseError as error:
            if "Asset paths cannot be updated" in error.message:
                error.hint = f"{name}:{version} holds other files. Without a version, the next one is made."
            raise

    def get(self, name: str, version: str | None = None, label: str | None = None) -> Model:
        """One version; the newest where neither version nor label says which."""
        return parse_model(self._assets.read(name, version, label))

    def list(
        self, name: str | None = None, stage: str | None = None, *, list_view_type: str = "ActiveOnly"
    ) -> Iterator[Model]:
        """The versions of a name, or without a name, the names."""
        if name is None:
            return (parse_container(Model, each) for each in self._assets.containers(list_view_type))
        params = {"stage": stage} if stage else {}
        return (parse_model(each) for each in self._assets.versions(name, list_view_type, **params))

    def find_same(self, model: Model) -> Model | None:
        """The registered version with this name and these files (the newest such), or None; nothing is sent."""
        uri, digest = self._place(model, send=False)
        name = model.name or hash_text(digest)
        try:
            version = model.version or ("1" if model.name is None else None)
            found = parse_model(self._assets.read(name, version, None))
        except ResourceNotFoundError:
            return None
        return found if found.path == uri else None

    def download(self, name: str, version: str, download_path: str | os.PathLike[str] = ".") -> None:
        """Fetch the files of a version into `download_path`/`name`."""
        found = self.get(name, version)
        parts = str(found.path or "").partition("/datastores/")[2].split("/", 2)
        if len(parts) != 3 or parts[1] != "paths":
            raise ValidationError(
                f"The files of {name}:{version} are not in a store of this server, but at {found.path}.",
                hint="Fetch them from there.",
            )
        container = find_default_container(self._conversation, self._scope.id, parts[0])
        download(self._conversation, container, parts[2], Path(download_path).expanduser() / name)

    def share(self, *_: Any, **__: Any) -> NoReturn:
        """Not offered: there are no registries."""
        refuse_share()

    def package(self, *_: Any, **__: Any) -> NoReturn:
        """Not offered: environments are built where they run."""
        refuse_package()

    def archive(self, name: str, version: str | None = None, label: str | None = None) -> None:
        """Hide from lists."""
        self._assets.set_archived(name, version, label, True)

    def restore(self, name: str, version: str | None = None, label: str | None = None) -> None:
        """Show in lists again."""
        self._assets.set_archived(name, version, label, False)

    def resolve(self, model: str | Model) -> str:
        """The id a deployment refers to, registering the model if it is described in place."""
        if isinstance(model, str):
            return self._assets.resolve(model, "model")
        # Described in place with a name but no version: the version that has these files already is meant.
        same = self.find_same(model) if model.name and not model.version and not model.id else None
        return str(model.id or (same or self.create_or_update(model)).id)

    # --- private

    def _next_version(self, name: str) -> str:
        container = self._assets.container(name)
        return str((container or {}).get("nextVersion") or "1")

    def _place(self, model: Model, *, send: bool) -> tuple[str, str]:
        """Address and digest of the files; with `send`, they are at that address afterwards."""
        if model.path is None:
            raise ValidationError(f"The model {model.name or ''} has no path.", hint="`path:` names a file or folder.")
        if is_address(str(model.path)) and urlsplit(str(model.path)).scheme != "file":
            return str(model.path), str(model.path)
        path = Path(str(model.path).removeprefix("file://")).expanduser()
        if model.type == "mlflow_model" and path.is_file():
            raise ValidationError(f"An mlflow_model is a folder with an MLmodel file in it; {path} is a file.")
        digest = fingerprint(path)
        blob = f"LocalUpload/{digest}/{path.resolve().name if path.is_dir() else path.name}"
        if send:
            container = find_default_container(self._conversation, self._scope.id, model.datastore)
            blob = upload_once(self._conversation, container, path, f"LocalUpload/{digest}")
        scope, store = self._scope, model.datastore or DEFAULT_DATASTORE
        place = f"subscriptions/{scope.subscription}/resourcegroups/{scope.group}/workspaces/{scope.workspace}"
        return f"azureml://{place}/datastores/{store}/paths/{blob}", digest
