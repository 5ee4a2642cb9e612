"""Blob storage, as much as stock clients use: whole uploads, blocks, metadata, ranges, lists (`spec/wire.md` §5)."""

import re
from collections.abc import Mapping
from email.utils import formatdate
from xml.etree import ElementTree

from starlette.responses import Response, StreamingResponse

from teal.api.blob_lists import format_blob_list
from teal.api.calls import AnyCall, Call
from teal.api.errors import InvalidRange
from teal.control import blobs as control
from teal.control.blobs import BlobHeaders
from teal.domain.blobs import Blob, parse_blob_path
from teal.domain.errors import InvalidInput, PreconditionFailed, TealError
from teal.store.blob_paths import check_blob_path, check_container
from teal.store.objects import StoredObject

MAX_BLOCK_LIST_BYTES = 8 * 1024 * 1024
MAX_BLOCK_ID_CHARS = 128


async def get_blob(call: AnyCall, path: str) -> Response:
    """One blob (B1, B7), or the list of a container (B6)."""
    container, name = parse_blob_path(path)
    if not name:
        return await _list_blobs(call, container)
    blob = await call.read(lambda tx: control.get_blob(tx, container, name))
    headers = {**_format_headers(call, blob), **_format_content(blob)}
    if call.request.method == "HEAD":
        return Response(None, 200, {**headers, "Content-Length": str(blob.size)}, blob.content_type)
    wanted = call.request.headers.get("if-match", "*")
    if wanted not in ("*", blob.etag):
        raise PreconditionFailed(f"The blob '{name}' has changed.", code="ConditionNotMet", target=name)
    text = call.request.headers.get("x-ms-range") or call.request.headers.get("range")
    if text is None:
        content = call.services.blobs.read(blob.object_id)
        return StreamingResponse(content, 200, {**headers, "Content-Length": str(blob.size)}, blob.content_type)
    first, size = _parse_range(text, blob.size)
    headers |= {
        "Content-Range": f"bytes {first}-{first + size - 1}/{blob.size}",
        "Content-Length": str(size),
        "x-ms-blob-content-md5": headers.pop("Content-MD5", ""),
    }
    content = call.services.blobs.read(blob.object_id, offset=first, size=size)
    return StreamingResponse(content, 206, headers, blob.content_type)


async def put_blob(call: AnyCall, path: str) -> Response:
    """A whole blob (B2), one block (B3), a list of blocks (B4) or metadata (B5), by the query's `comp`."""
    container, name = parse_blob_path(path)
    check_container(container)
    check_blob_path(name)
    if _NOT_XML.search(name):
        raise InvalidInput(
            f"{name!r} has characters that no list could show.", code="InvalidResourceName", target="path"
        )
    match call.request.query_params.get("comp"):
        case None:
            return await _put_whole(call, container, name)
        case "block":
            return await _put_block(call, container, name)
        case "blocklist":
            return await _put_block_list(call, container, name)
        case "metadata":
            return await _put_metadata(call, container, name)
        case other:
            raise InvalidInput(
                f"comp={other} is not something this server does with blobs.",
                code="UnsupportedQueryParameter",
                target="comp",
            )


# --- private

_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})")
_NOT_XML = re.compile("[\x00-\x1f\x7f\ufffe\uffff]")
_META = "x-ms-meta-"


async def _put_whole(call: Call, container: str, name: str) -> Response:
    kind = call.request.headers.get("x-ms-blob-type", "BlockBlob")
    if kind.lower() != "blockblob":
        raise InvalidInput(f"This server stores block blobs only, not {kind}.", target="x-ms-blob-type")
    headers = _parse_headers(call)
    await _refuse_known(call, container, name, headers)
    stored = await call.services.blobs.write(call.request.stream(), content_md5=call.request.headers.get("content-md5"))
    answer = await _save(call, container, name, stored, headers)
    # Of what was sent: clients compare it. For a block list that would be the list, so there it is left out.
    answer.headers["Content-MD5"] = stored.md5
    return answer


async def _put_block(call: Call, container: str, name: str) -> Response:
    block_id = call.request.query_params.get("blockid", "")
    if not 1 <= len(block_id) <= MAX_BLOCK_ID_CHARS:
        raise InvalidInput("blockid is missing or too long.", code="InvalidQueryParameterValue", target="blockid")
    md5 = call.request.headers.get("content-md5")
    stored = await call.services.blobs.write_block(container, name, block_id, call.request.stream(), content_md5=md5)
    return Response(status_code=201, headers={**_version(call), "Content-MD5": stored.md5})


async def _put_block_list(call: Call, container: str, name: str) -> Response:
    headers = _parse_headers(call)
    ids = _parse_block_list(await call.body(MAX_BLOCK_LIST_BYTES))
    if headers.must_be_new:
        await call.read(lambda tx: control.check_new(tx, container, name))
    stored = await call.services.blobs.write_block_list(container, name, ids)
    answer = await _save(call, container, name, stored, headers)
    await call.services.blobs.drop_blocks(container, name)
    return answer


async def _put_metadata(call: Call, container: str, name: str) -> Response:
    metadata = _parse_metadata(call.request.headers)
    blob = await call.write(lambda tx: control.put_metadata(tx, container, name, metadata, call.moment))
    return Response(status_code=200, headers=_format_headers(call, blob))


async def _refuse_known(call: Call, container: str, name: str, headers: BlobHeaders) -> None:
    """Before the bytes are stored; the answer still waits for the last of them, or the client sees a broken pipe."""
    if not headers.must_be_new:
        return
    try:
        await call.read(lambda tx: control.check_new(tx, container, name))
    except TealError:
        async for _ in call.request.stream():
            pass
        raise


async def _save(call: Call, container: str, name: str, stored: StoredObject, headers: BlobHeaders) -> Response:
    blob = await call.write(lambda tx: control.put_blob(tx, container, name, stored, headers, call.moment))
    return Response(status_code=201, headers=_format_headers(call, blob))


async def _list_blobs(call: Call, container: str) -> Response:
    query = call.request.query_params
    if query.get("comp") != "list":
        raise InvalidInput("Of a container, only its list can be read: ?restype=container&comp=list.", target="comp")
    blobs = await call.read(lambda tx: control.list_blobs(tx, container, query.get("prefix", "")))
    xml = format_blob_list(container, blobs, query)
    return Response(xml, 200, _version(call), "application/xml")


def _parse_headers(call: Call) -> BlobHeaders:
    headers = call.request.headers
    return BlobHeaders(
        content_type=headers.get("x-ms-blob-content-type") or "application/octet-stream",
        metadata=_parse_metadata(headers),
        must_be_new=headers.get("if-none-match") == "*",
    )


def _parse_metadata(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.removeprefix(_META): value for name, value in headers.items() if name.startswith(_META)}


def _parse_block_list(content: bytes) -> list[str]:
    # A DOCTYPE is the only way to make a small document large, and no client sends one.
    if b"<!" in content:
        raise InvalidInput("The block list must not have a DOCTYPE.", code="InvalidXmlDocument", target="body")
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise InvalidInput(f"The block list is not XML: {error}.", code="InvalidXmlDocument", target="body") from None
    return [(item.text or "").strip() for item in root if item.tag in ("Latest", "Uncommitted")]


def _parse_range(text: str, size: int) -> tuple[int, int]:
    """First byte and count of the part that is there."""
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        raise InvalidRange(f"'{text}' is not a range of this form: bytes=0-99.", target="range")
    first, last = int(match[1]), int(match[2] or size)
    if first >= size or last < first:
        raise InvalidRange(f"The blob has {size} bytes; {text} is outside of it.", target="range")
    return first, min(last, size - 1) - first + 1


def _format_headers(call: Call, blob: Blob) -> dict[str, str]:
    return {**_version(call), "ETag": blob.etag, "Last-Modified": formatdate(blob.modified_at, usegmt=True)}


def _format_content(blob: Blob) -> dict[str, str]:
    headers = {"x-ms-blob-type": "BlockBlob", "Accept-Ranges": "bytes"}
    if blob.content_md5:
        headers["Content-MD5"] = blob.content_md5
    return headers | {f"{_META}{name}": value for name, value in blob.metadata.items()}


def _version(call: Call) -> dict[str, str]:
    return {"x-ms-version": call.request.headers.get("x-ms-version", "2024-05-04")}
