"""Entities as YAML: `entity.dump("file.yml")` and `print(entity)`, as azure.ai.ml's entities have them.

Mixed into the entities; what the YAML says is made by sdk/entities/dumping.py, and `load_…` reads it back.
"""

import os
from pathlib import Path
from typing import IO, Any

from teal.sdk.yaml_files import format_yaml


class YamlText:
    """Adds `dump` and `str()`."""

    def dump(self, dest: str | os.PathLike[str] | IO[str] | None = None, **_: Any) -> dict[str, Any]:
        """The entity as plain data; with a file, also written there as YAML."""
        from teal.sdk.entities.dumping import dump

        plain = dump(self)  # type: ignore[arg-type]
        if dest is not None:
            text = format_yaml(plain, sort_keys=False)
            if isinstance(dest, (str, os.PathLike)):
                Path(dest).write_text(text, encoding="utf-8")
            else:
                dest.write(text)
        return plain

    def __str__(self) -> str:
        return format_yaml(self.dump(), sort_keys=False)
