"""The XML of a container's list, with folders and pages (`spec/wire.md` §5.2 B6). Pure; called by api/blobs.py."""

from collections.abc import Iterable, Mapping
from email.utils import formatdate
from xml.etree.ElementTree import Element, SubElement, tostring

from teal.domain.blobs import Blob
from teal.domain.errors import InvalidInput

MAX_RESULTS = 5000


def format_blob_list(container: str, blobs: Iterable[Blob], query: Mapping[str, str]) -> bytes:
    """`blobs` have the query's prefix and are in the order of their paths."""
    prefix, delimiter, marker = query.get("prefix", ""), query.get("delimiter", ""), query.get("marker", "")
    limit = _parse_limit(query.get("maxresults"))
    with_metadata = "metadata" in query.get("include", "").split(",")
    entries = _group(blobs, prefix, delimiter)
    page = [name for name in entries if name > marker]
    root = Element("EnumerationResults", ContainerName=container)
    SubElement(root, "Prefix").text = prefix
    listed = SubElement(root, "Blobs")
    for name in page[:limit]:
        if (blob := entries[name]) is None:
            SubElement(SubElement(listed, "BlobPrefix"), "Name").text = name
        else:
            _add_blob(listed, blob, with_metadata)
    SubElement(root, "NextMarker").text = page[limit - 1] if len(page) > limit else None
    content: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return content


# --- private


def _group(blobs: Iterable[Blob], prefix: str, delimiter: str) -> dict[str, Blob | None]:
    """Names in order; None stands for a folder: everything up to the next delimiter."""
    entries: dict[str, Blob | None] = {}
    for blob in blobs:
        folder, found, _ = blob.path[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        if found:
            entries[f"{prefix}{folder}{delimiter}"] = None
        else:
            entries[blob.path] = blob
    return entries


def _add_blob(parent: Element, blob: Blob, with_metadata: bool) -> None:
    item = SubElement(parent, "Blob")
    SubElement(item, "Name").text = blob.path
    properties = SubElement(item, "Properties")
    for name, value in (
        ("Last-Modified", formatdate(blob.modified_at, usegmt=True)),
        ("Etag", blob.etag),
        ("Content-Length", str(blob.size)),
        ("Content-Type", blob.content_type),
        ("Content-MD5", blob.content_md5),
        ("BlobType", "BlockBlob"),
    ):
        SubElement(properties, name).text = value
    if with_metadata:
        metadata = SubElement(item, "Metadata")
        for name, value in blob.metadata.items():
            SubElement(metadata, name).text = value


def _parse_limit(text: str | None) -> int:
    if text is None:
        return MAX_RESULTS
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise InvalidInput(f"maxresults must be a positive whole number, not '{text}'.", target="maxresults")
    return min(int(text), MAX_RESULTS)
