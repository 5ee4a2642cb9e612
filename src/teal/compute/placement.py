"""Put an asset's files into an instance's folder; called by backends that run on the server's own disk.

A model is hard-linked: no copy of gigabytes per instance. A link shares its inode with the blob store, so what is
linked is made read-only first, and a script that opens it for writing is refused instead of changing the model for
everybody. Code is small and people's scripts do write beside themselves, so code is copied.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from teal.domain.instances import FileMount


class PathOutside(ValueError):
    """A path of an asset leads out of the folder it belongs into."""


def apply_links(files: Iterable[FileMount], folder: Path) -> None:
    """Have every file in `folder`, linked where the file system allows and else copied, read-only. Safe to repeat."""
    for file in files:
        target = _prepare_target(folder, file.path)
        mode = os.stat(file.source).st_mode
        if mode & _WRITABLE:
            os.chmod(file.source, mode & ~_WRITABLE & 0o777)
        try:
            os.link(file.source, target)
        except OSError:  # another device, a file system without links, or too many of them
            shutil.copyfile(file.source, target)
            target.chmod(0o444)


def apply_copies(files: Iterable[FileMount], folder: Path) -> None:
    """Have a writable copy of every file in `folder`. Safe to repeat."""
    for file in files:
        shutil.copyfile(file.source, _prepare_target(folder, file.path))


# --- private

_WRITABLE = 0o222


def _prepare_target(folder: Path, path: str) -> Path:
    relative = PurePosixPath(path)
    if relative.is_absolute() or ".." in relative.parts or not relative.parts:
        raise PathOutside(f"'{path}' is not a path inside an asset")
    target = folder / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    return target
