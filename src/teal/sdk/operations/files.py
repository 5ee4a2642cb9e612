"""Files in the workspace's datastore, for those who register models and code over REST. Used by `storage blob
upload-batch`."""

import os
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import quote

from teal.sdk.errors import ValidationError
from teal.sdk.folders import list_files
from teal.sdk.scopes import Scope
from teal.sdk.transport import Conversation
from teal.sdk.uploads import find_default_container, send_files


class FileOperations:
    """Sends files to where `azureml://datastores/…/paths/…` points."""

    def __init__(self, conversation: Conversation, scope: Scope) -> None:
        self._conversation = conversation
        self._workspace = scope.id

    def upload(self, source: str | os.PathLike[str], destination: str, *, pattern: str = "*") -> list[str]:
        """Send the files of a folder to `container/path`; the addresses of the blobs they have become."""
        folder = Path(source)
        if not folder.is_dir():
            raise ValidationError(f"There is no folder {folder}.", target="source")
        container = find_default_container(self._conversation, self._workspace, None)
        known = container.url.rpartition("/")[2]
        name, _, below = destination.strip("/").partition("/")
        if name != known:
            raise ValidationError(
                f"There is no container '{name}'.",
                hint=f"A workspace has one: --destination {known} or {known}/PATH.",
                target="destination",
            )
        files = [file for file in list_files(folder) if fnmatch(file.name, pattern)]
        if not files:
            raise ValidationError(f"No file in {folder} is like '{pattern}'.", target="pattern")
        prefix = below.strip("/")
        send_files(self._conversation, container, files, prefix)
        return [f"{container.url}/{quote(f'{prefix}/{file.name}'.lstrip('/'))}" for file in files]
