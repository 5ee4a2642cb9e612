"""Fetching files from blob storage (spec/wire.md §5), a few at a time, streamed to disk. Used by models.download."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from urllib.parse import quote
from xml.etree import ElementTree

from teal.sdk.errors import TealError, ValidationError
from teal.sdk.transport import Conversation, raise_for_error
from teal.sdk.uploads import PARALLEL_FILES, BlobContainer


def download(conversation: Conversation, container: BlobContainer, prefix: str, folder: Path) -> Path:
    """What `prefix` names, a blob or all blobs below it, laid below `folder` under its last part; that path."""
    prefix = prefix.strip("/")
    names = [name for name in list_blobs(conversation, container, prefix) if _is_inside(name, prefix)]
    if not names:
        raise TealError(f"There are no files at '{prefix}'.", hint="Were they sent to another datastore?")
    target = folder / PurePosixPath(prefix).name
    places = {name: _place(target, name.removeprefix(prefix).lstrip("/")) for name in names}
    with ThreadPoolExecutor(min(PARALLEL_FILES, len(names)), thread_name_prefix="download") as pool:
        fetched = [pool.submit(_fetch, conversation, container, name, place) for name, place in places.items()]
        try:
            for each in fetched:
                each.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return target


def list_blobs(conversation: Conversation, container: BlobContainer, prefix: str) -> Iterator[str]:
    """The names below a prefix, page by page (spec/wire.md §5.2, B6)."""
    marker = ""
    while True:
        query = f"restype=container&comp=list&prefix={quote(prefix, safe='')}"
        query += f"&marker={quote(marker, safe='')}" if marker else ""
        url = f"{container.url}?{query}" + (f"&{container.signature}" if container.signature else "")
        page = ElementTree.fromstring(raise_for_error(conversation.send("GET", url)).content)
        yield from (each.text or "" for each in page.iterfind("./Blobs/Blob/Name"))
        marker = page.findtext("NextMarker") or ""
        if not marker:
            return


# --- private


def _is_inside(name: str, prefix: str) -> bool:
    """A prefix of names is not a folder: `model` also begins `model-2/weights`."""
    return name == prefix or name.startswith(f"{prefix}/")


def _place(target: Path, relative: str) -> Path:
    parts = PurePosixPath(relative).parts
    if ".." in parts or relative.startswith("/"):
        raise ValidationError(f"The server names a file outside of the download: '{relative}'.")
    return target.joinpath(*parts)


def _fetch(conversation: Conversation, container: BlobContainer, name: str, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f"{place.name}.part")
    try:
        with draft.open("wb") as stream:
            for chunk in conversation.stream(container.blob(name)):
                stream.write(chunk)
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)
