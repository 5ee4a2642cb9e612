"""Blobs: uploaded files by container and path, with the metadata that clients rely on for reuse (`spec/wire.md` §5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

BLOB_ROOT = "/azblob"
"""Every blob URL of this server is below this path (`spec/wire.md` §5.1)."""

DATASTORE = "workspaceblobstore"
"""The one datastore every workspace has; its container is DATASTORE_CONTAINER."""

DATASTORE_CONTAINER = "azureml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """One stored file: its bytes lie in the object named by their SHA-256. `content_md5` is base64 as sent; `etag`
    is quoted."""

    container: str
    path: str
    object_id: str
    size: int
    etag: str
    modified_at: float
    content_md5: str | None = None
    content_type: str = "application/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)


def parse_blob_path(path: str) -> tuple[str, str]:
    """Container and blob path of the part of a URL's path behind BLOB_ROOT, account or not.

    `/acct.blob.core.windows.net/azureml/a/b` and `/azureml/a/b` are the same blob: clients make the second form when
    they join relative URLs (`spec/wire.md` §5.1). An empty blob path means the container.
    """
    segments = path.strip("/").split("/")
    if segments[0].startswith("acct.blob."):
        del segments[0]
    container, _, blob = "/".join(segments).partition("/")
    return container, blob
