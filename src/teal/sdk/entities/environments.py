"""Environments as callers hold them; names and arguments as in azure.ai.ml.entities (spec/azureml.md §1.10)."""

import os
from dataclasses import dataclass, field
from typing import Any

from teal.sdk.entities.yaml_text import YamlText


@dataclass(kw_only=True)
class BuildContext:
    """A folder with a Dockerfile."""

    dockerfile_path: str | None = None
    path: str | os.PathLike[str] | None = None


@dataclass(kw_only=True)
class Environment(YamlText):
    """What the code of a deployment runs in. Without a name it is anonymous: known by its content."""

    name: str | None = None
    version: str | None = None
    description: str | None = None
    image: str | None = None
    build: BuildContext | None = None
    #: A file, or what such a file holds.
    conda_file: str | os.PathLike[str] | dict[str, Any] | None = None
    tags: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    datastore: str | None = None
    #: `liveness_route`, `readiness_route`, `scoring_route`, each a port and a path (own containers).
    inference_config: dict[str, Any] | None = None
    os_type: str | None = None
    # From here on: what the server fills in.
    id: str | None = None
    latest_version: str | None = None
    creation_context: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.version = None if self.version is None else str(self.version)
        self.tags = dict(self.tags or {})
        self.properties = dict(self.properties or {})
