"""Verbs on uploaded files: their names and metadata; the bytes were stored before. Called by api."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from teal.control.requests import Moment
from teal.domain.blobs import Blob
from teal.domain.errors import AlreadyExists, NotFound
from teal.store import blobs as stored
from teal.store.database import Transaction
from teal.store.objects import StoredObject


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobHeaders:
    """What an upload says about itself beside its bytes."""

    content_type: str
    metadata: Mapping[str, str]
    must_be_new: bool


def get_blob(tx: Transaction, container: str, path: str) -> Blob:
    blob = stored.load_blob(tx, container, path)
    if blob is None:
        raise NotFound(f"There is no blob '{path}' in the container '{container}'.", code="BlobNotFound", target=path)
    return blob


def list_blobs(tx: Transaction, container: str, prefix: str) -> Sequence[Blob]:
    return stored.list_blobs(tx, container, prefix)


def check_new(tx: Transaction, container: str, path: str) -> None:
    """Refuse an upload that must not replace anything (`If-None-Match: *`, `spec/wire.md` §5.2 B2)."""
    if stored.load_blob(tx, container, path) is not None:
        raise AlreadyExists(f"The blob '{path}' exists already.", code="BlobAlreadyExists", target=path)


def put_blob(
    tx: Transaction, container: str, path: str, content: StoredObject, headers: BlobHeaders, moment: Moment
) -> Blob:
    """Give stored bytes a name, in the place of what had it before."""
    if headers.must_be_new:
        check_new(tx, container, path)
    blob = Blob(
        container=container,
        path=path,
        object_id=content.object_id,
        size=content.size,
        etag=_new_etag(moment),
        modified_at=moment.now,
        content_md5=content.md5,
        content_type=headers.content_type,
        metadata=headers.metadata,
    )
    stored.save_blob(tx, blob)
    return blob


def put_metadata(tx: Transaction, container: str, path: str, metadata: Mapping[str, str], moment: Moment) -> Blob:
    """Replace the metadata, on which clients rely to see that an upload was finished (`spec/wire.md` §4)."""
    blob = replace(get_blob(tx, container, path), metadata=metadata, etag=_new_etag(moment), modified_at=moment.now)
    stored.save_blob(tx, blob)
    return blob


# --- private


def _new_etag(moment: Moment) -> str:
    return f'"0x{moment.new_id().replace("-", "")[:16].upper()}"'
