"""Sending files to blob storage (spec/wire.md §5), from disk, a few at a time. Used by models, code, environments."""

import base64
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote
from xml.sax.saxutils import escape

from teal.sdk.folders import LocalFile, hash_files, hash_text, list_files
from teal.sdk.transport import Conversation, raise_for_error

PARALLEL_FILES = min(4, (os.cpu_count() or 1) * 2)
#: A file over this is sent in blocks, so that nothing has to hold it whole.
BLOCKS_ABOVE_BYTES = 64 << 20
BLOCK_BYTES = 8 << 20
_CHUNK_BYTES = 1 << 18
DEFAULT_DATASTORE = "workspaceblobstore"


@dataclass(frozen=True, slots=True)
class BlobContainer:
    """A container's address and the signature that opens it."""

    url: str
    signature: str

    def blob(self, name: str, operation: str = "") -> str:
        query = "&".join(part for part in (operation, self.signature) if part)
        return f"{self.url}/{quote(name)}" + (f"?{query}" if query else "")


def parse_container(sas_uri: str) -> BlobContainer:
    """`https://host/…/container?sv=…` taken apart."""
    url, _, signature = sas_uri.partition("?")
    return BlobContainer(url.rstrip("/"), signature)


def find_default_container(conversation: Conversation, workspace_id: str, datastore: str | None) -> BlobContainer:
    """The container of a datastore and a fresh signature for it (spec/wire.md §3.2, §5.1)."""
    path = f"{workspace_id}/datastores/{datastore or DEFAULT_DATASTORE}"
    properties = conversation.get(path, "datastores")["properties"]
    wish = {"expirableSecret": True, "expireAfterHours": 1}
    secret = conversation.post(f"{path}/listSecrets", "datastores", wish)
    host = f"{properties.get('protocol') or 'https'}://{properties['accountName']}.blob.{properties['endpoint']}"
    return BlobContainer(f"{host}/{properties['containerName']}", secret.get("sasToken", "").lstrip("?"))


def fingerprint(path: Path) -> str:
    """What the upload folder of a path is called: equal name and equal contents, equal folder."""
    return hash_text(path.resolve().name if path.is_dir() else "", hash_files(list_files(path)))


def upload_once(conversation: Conversation, container: BlobContainer, path: Path, folder: str) -> str:
    """Send a file or folder below `folder` unless it is there already; return the blob name, or prefix, it has.

    The first file's metadata says whether an earlier upload was finished (spec/wire.md §4, reuse in storage).
    """
    files = list_files(path)
    prefix = f"{folder}/{path.resolve().name}" if path.is_dir() else folder
    indicator = container.blob(f"{prefix}/{files[0].name}")
    seen = conversation.send("HEAD", indicator)
    if seen.status_code == 200 and seen.headers.get("x-ms-meta-upload_status") == "completed":
        return prefix if path.is_dir() else f"{prefix}/{files[0].name}"
    if seen.status_code not in (200, 404):
        raise_for_error(seen)
    send_files(conversation, container, files, prefix)
    marks = {
        "x-ms-meta-upload_status": "completed",
        "x-ms-meta-name": folder.rpartition("/")[2],
        "x-ms-meta-version": "1",
    }
    marked = container.blob(f"{prefix}/{files[0].name}", "comp=metadata")
    raise_for_error(conversation.send("PUT", marked, headers={**marks, **_VERSION}))
    return prefix if path.is_dir() else f"{prefix}/{files[0].name}"


def send_files(conversation: Conversation, container: BlobContainer, files: list[LocalFile], prefix: str) -> None:
    """Send all, a few at a time below the prefix (the container, where it is empty); the first failure ends it."""
    with ThreadPoolExecutor(min(PARALLEL_FILES, len(files)), thread_name_prefix="upload") as pool:
        sent = [
            pool.submit(_send_file, conversation, container, file, f"{prefix}/{file.name}".lstrip("/"))
            for file in files
        ]
        try:
            for each in sent:
                each.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


# --- private

_VERSION = {"x-ms-version": "2024-05-04"}


def _send_file(conversation: Conversation, container: BlobContainer, file: LocalFile, name: str) -> None:
    with file.path.open("rb") as stream:
        if file.size_bytes > BLOCKS_ABOVE_BYTES:
            _send_blocks(conversation, container, stream, file.size_bytes, name)
            return
        headers = {"x-ms-blob-type": "BlockBlob", "Content-Length": str(file.size_bytes), **_VERSION}
        content = _chunks(stream, file.size_bytes)
        raise_for_error(conversation.send("PUT", container.blob(name), headers=headers, content=content))


def _send_blocks(
    conversation: Conversation, container: BlobContainer, stream: BinaryIO, size_bytes: int, name: str
) -> None:
    ids = []
    for start in range(0, size_bytes, BLOCK_BYTES):
        block = base64.b64encode(f"{start:016d}".encode()).decode()
        length = min(BLOCK_BYTES, size_bytes - start)
        headers = {"Content-Length": str(length), **_VERSION}
        url = container.blob(name, f"comp=block&blockid={quote(block, safe='')}")
        raise_for_error(conversation.send("PUT", url, headers=headers, content=_chunks(stream, length)))
        ids.append(block)
    latest = "".join(f"<Latest>{escape(block)}</Latest>" for block in ids)
    body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{latest}</BlockList>'
    url = container.blob(name, "comp=blocklist")
    raise_for_error(conversation.send("PUT", url, headers=_VERSION, content=body.encode()))


def _chunks(stream: BinaryIO, length: int) -> Iterator[bytes]:
    left = length
    while left and (chunk := stream.read(min(_CHUNK_BYTES, left))):
        left -= len(chunk)
        yield chunk
