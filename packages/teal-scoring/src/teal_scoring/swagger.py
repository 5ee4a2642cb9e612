"""The description of the interface at /swagger.json: made from the script's declaration, or the user's own file. Used
by http.py.

Versions, texts and the files that override (`swagger.json`, `swagger2.json`, `swagger3.json`, `swagger3.1.json` in the
app root) are those of azureml-inference-server-http ("swagger").
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from .settings import Settings
from .swagger_documents import build_openapi_3, build_swagger_2

DEFAULT_VERSION = "2"
Schemas = tuple[Any, Any, "set[str] | None"]
"""What goes in, what comes out, and the versions able to say so (None: all)."""

_ANYTHING = {"type": "object", "example": {}}


class UnknownVersion(Exception):
    """There is no description in the version that was asked for."""


@dataclass(frozen=True)
class _Version:
    name: str
    aliases: tuple[str, ...]
    files: tuple[str, ...]


_VERSIONS = (
    _Version("2", ("2", "2.0"), ("swagger.json", "swagger2.json")),
    _Version("3", ("3", "3.0"), ("swagger3.json",)),
    _Version("3.1", ("3.1",), ("swagger3.1.json",)),
)


class Swagger:
    """Made when first asked for: init() may write the user's own file, and most instances are never asked."""

    def __init__(self, settings: Settings, find_schemas: Callable[[], Schemas]) -> None:
        self._settings = settings
        self._find_schemas = find_schemas
        self._documents: dict[str, Any] | None = None

    def find(self, query: str) -> Any:
        """The document for `version=…` of the query. Raises UnknownVersion."""
        asked = parse_qs(query, keep_blank_values=True).get("version", [DEFAULT_VERSION])[0]
        if self._documents is None:
            self._documents = dict(self._build())
        supported = ", ".join(version.name for version in _VERSIONS if version.name in self._documents)
        version = next((one for one in _VERSIONS if asked in one.aliases), None)
        if version is None:
            raise UnknownVersion(f"Swagger version [{asked}] is not valid. Supported versions: [{supported}].")
        document = self._documents.get(version.name)
        if not document:
            raise UnknownVersion(
                f"Swagger version [{asked}] is not supported for the scoring script. Supported swagger versions:"
                f" [{supported}]."
            )
        return document

    # --- private

    def _build(self) -> Iterator[tuple[str, Any]]:
        takes, gives, possible = self._find_schemas()
        for version in _VERSIONS:
            own = next(filter(None, (_load_document(self._settings.app_root / name) for name in version.files)), None)
            if own:
                yield version.name, own
            elif possible is None or set(version.aliases) & possible:
                build = build_swagger_2 if version.name == "2" else build_openapi_3
                document = build(
                    self._settings.service_name, self._settings.service_version, self._prefix, takes, gives
                )
                if version.name == "3.1":
                    document["openapi"] = "3.1.0"
                yield version.name, document

    @property
    def _prefix(self) -> str:
        prefix = self._settings.service_path_prefix.strip("/")
        return f"/{prefix}" if prefix else ""


def find_script_schemas(run: Callable[..., object]) -> Schemas:
    """From inference-schema's decorators."""
    schemas: Any = sys.modules.get("inference_schema.schema_util")
    if schemas is None or not schemas.is_schema_decorated(run):
        return _ANYTHING, _ANYTHING, None
    return schemas.get_input_schema(run), schemas.get_output_schema(run), set(schemas.get_supported_versions(run))


# --- private


def _load_document(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
