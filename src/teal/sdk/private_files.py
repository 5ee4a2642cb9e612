"""Files only their owner may read, replaced whole or not at all. Used for what `teal env` and `configure` write."""

import os
from pathlib import Path


def write_private(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Write beside and rename over; folders on the way are made for the owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(text)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
