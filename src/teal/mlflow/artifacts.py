"""MLflow's artifact repository for addresses `teal://HOST:PORT/…/artifacts/<origin>/<container>/<path>`.

The files are blobs of the workspace's datastore. Found through the entry point `mlflow.artifact_repository`.
"""

import time
import weakref
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mlflow.entities import FileInfo
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository

from teal.mlflow.failures import as_mlflow
from teal.mlflow.targets import find_target
from teal.sdk.downloads import list_blobs
from teal.sdk.folders import LocalFile
from teal.sdk.transport import Conversation
from teal.sdk.uploads import BlobContainer, find_default_container, send_files

MARKER = "/artifacts/"
WHOLE_STORE = "Datastore/workspaceblobstore/"
SIGNATURE_LIFETIME_S = 50 * 60


class TealArtifactRepository(ArtifactRepository):
    """One folder of artifacts."""

    def __init__(self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        super().__init__(artifact_uri, tracking_uri, registry_uri)
        before, marker, path = unquote(urlsplit(artifact_uri).path).partition(MARKER)
        if not marker or not path.strip("/"):
            raise MlflowException.invalid_parameter_value(
                f"'{artifact_uri}' is not an address of artifacts: teal://HOST:PORT/…{MARKER}<origin>/<container>/<path>."
            )
        self._prefix = path.strip("/").removeprefix(WHOLE_STORE)
        with as_mlflow():
            self._target = find_target(f"teal://{urlsplit(artifact_uri).netloc}{before}")
            self._conversation = Conversation(self._target.address)
        weakref.finalize(self, self._conversation.close)
        self._opened_at = 0.0
        self._opened: BlobContainer | None = None

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        path = Path(local_file)
        file = LocalFile(path, path.name, path.stat().st_size)
        self._send([file], artifact_path)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Every file of a folder, none left out: what a run logs is not an upload of code."""
        folder = Path(local_dir)
        files = [
            LocalFile(path, path.relative_to(folder).as_posix(), path.stat().st_size)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ]
        if files:
            self._send(files, artifact_path)

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """Files and folders directly below `path`; of a file, nothing."""
        root = f"{self._prefix}/"
        start = f"{root}{path.strip('/')}/" if path else root
        with as_mlflow():
            names = [name.removeprefix(start) for name in list_blobs(self._conversation, self._container(), start)]
        folder = start.removeprefix(root)
        files = [FileInfo(f"{folder}{name}", False, None) for name in names if "/" not in name]
        folders = dict.fromkeys(name.partition("/")[0] for name in names if "/" in name)
        return sorted([*files, *(FileInfo(f"{folder}{name}", True, None) for name in folders)], key=lambda f: f.path)

    # --- private

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        # Under another name until it is whole: MLflow looks for one path in several places, and what failed must leave
        # nothing where the next one writes.
        draft = Path(f"{local_path}.part")
        try:
            with as_mlflow(), draft.open("wb") as stream:
                url = self._container().blob(f"{self._prefix}/{remote_file_path.strip('/')}")
                for chunk in self._conversation.stream(url):
                    stream.write(chunk)
            draft.replace(local_path)
        finally:
            draft.unlink(missing_ok=True)

    def _send(self, files: list[LocalFile], artifact_path: str | None) -> None:
        prefix = "/".join(part for part in (self._prefix, (artifact_path or "").strip("/")) if part)
        with as_mlflow():
            send_files(self._conversation, self._container(), files, prefix)

    def _container(self) -> BlobContainer:
        if self._opened is None or time.monotonic() - self._opened_at > SIGNATURE_LIFETIME_S:
            self._opened = find_default_container(self._conversation, self._target.scope.id, None)
            self._opened_at = time.monotonic()
        return self._opened


def build_artifact_repository(artifact_uri: str, *args: Any, **kwargs: Any) -> TealArtifactRepository:
    """Of older versions of MLflow, which hand over fewer arguments."""
    return TealArtifactRepository(artifact_uri, *args, **kwargs)
