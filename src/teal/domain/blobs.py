"""Blobs: uploaded files by container and path, with the metadata that clients rely on for reuse (`spec/wire.md` §5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field


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
