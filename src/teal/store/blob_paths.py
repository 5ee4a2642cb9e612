"""Which container names and blob paths are allowed: all that can later be laid out as a folder, and nothing that leads
out of it. Called by blobs.py and by control before anything is written."""

import re

from teal.domain.errors import InvalidInput

MAX_PATH_CHARS = 1024
MAX_SEGMENT_BYTES = 255


def check_container(name: str) -> None:
    """1 to 63 lower-case letters, digits and single dashes, as in Azure, where they begin at 3."""
    if not _CONTAINER.fullmatch(name):
        raise InvalidInput(
            f"{name!r} is not a container name: 1 to 63 lower-case letters, digits and single dashes.",
            code="InvalidResourceName",
            target="container",
        )


def check_blob_path(path: str) -> None:
    """Segments between single slashes, none of them empty, "." or ".."."""
    reason = _find_fault(path)
    if reason is not None:
        raise InvalidInput(
            f"{path[:MAX_PATH_CHARS]!r} is not a blob path: {reason}.", code="InvalidResourceName", target="path"
        )


def next_after_prefix(prefix: str) -> str | None:
    """The least text, by code point, that is greater than everything starting with `prefix`; None when there is
    none."""
    kept = prefix.rstrip(chr(_LAST_CODE_POINT))
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(_AFTER_SURROGATES if following in _SURROGATES else following)


# --- private

_CONTAINER = re.compile(r"(?!.*--)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LAST_CODE_POINT = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)
_AFTER_SURROGATES = 0xE000


def _find_fault(path: str) -> str | None:
    if not path or len(path) > MAX_PATH_CHARS:
        return f"it must have 1 to {MAX_PATH_CHARS} characters"
    if "\0" in path:
        return "it holds a NUL character"
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    segments = encoded.split(b"/")
    if any(segment in (b"", b".", b"..") for segment in segments):
        return "it has an empty segment, '.' or '..'"
    if any(len(segment) > MAX_SEGMENT_BYTES for segment in segments):
        return f"one of its segments is longer than {MAX_SEGMENT_BYTES} bytes"
    return None
