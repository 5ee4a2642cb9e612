"""Which files of a folder are sent, and what they amount to: ignore rules and content hashes. Used by uploads.

Rules of spec/wire.md §4: `.amlignore`, else `.gitignore`, at the folder's root filters; the ignore file itself is sent.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from teal.sdk.errors import ValidationError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

CODE_HASH_VERSION = 202208
_CHUNK_BYTES = 1 << 20
#: Left by interpreters and never wanted in an upload, so that running a script does not change its code's identity.
_NEVER_SENT = ("__pycache__",)


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to send and its place below the folder, with forward slashes."""

    path: Path
    name: str
    size_bytes: int


def list_files(path: Path) -> list[LocalFile]:
    """The files of a folder that are not ignored, or the file itself; sorted by lower-cased name."""
    if path.is_file():
        return [LocalFile(path, path.name, path.stat().st_size)]
    if not path.is_dir():
        raise ValidationError(f"No such file or folder: {path}", hint="Relative paths start at the YAML file's folder.")
    ignored = _load_ignore_rules(path)
    found = []
    above: dict[str, frozenset[str]] = {}
    for root, folders, names in os.walk(path, followlinks=True):
        # Links are followed; one to a folder above itself would lead round for ever.
        real = os.path.realpath(root)
        if real in above.get(os.path.dirname(root), ()):
            folders.clear()
            continue
        above[root] = above.get(os.path.dirname(root), frozenset()) | {real}
        folders[:] = (folder for folder in folders if folder not in _NEVER_SENT)
        for name in names:
            file = Path(root) / name
            relative = file.relative_to(path).as_posix()
            if file.is_file() and not (ignored and ignored.match_file(relative)):
                found.append(LocalFile(file, relative, file.stat().st_size))
    if not found:
        raise ValidationError(f"The folder {path} holds no files to send.", hint="Is everything in it ignored?")
    return sorted(found, key=lambda file: (file.name.lower(), file.name))


def hash_files(files: list[LocalFile]) -> str:
    """sha256 over the number of files, then `#name#` and size of each, then all contents (spec/wire.md §4)."""
    digest = hashlib.sha256(str(len(files)).encode())
    for file in files:
        digest.update(f"#{file.name}#{file.size_bytes}".encode())
    for file in files:
        with file.path.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()


def hash_text(*parts: str) -> str:
    """sha256 of texts, told apart by their lengths."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()


# --- private


def _load_ignore_rules(folder: Path) -> "GitIgnoreSpec | None":
    for name in (".amlignore", ".gitignore"):
        rules = folder / name
        if rules.is_file():
            from pathspec import GitIgnoreSpec

            return GitIgnoreSpec.from_lines([*rules.read_text(encoding="utf-8").splitlines(), f"!/{name}"])
    return None
