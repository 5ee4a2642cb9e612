"""Models as callers hold them; names and arguments as in azure.ai.ml.entities (spec/azureml.md §1.9)."""

import os
from dataclasses import dataclass, field
from typing import Any

from teal.sdk.entities.yaml_text import YamlText


@dataclass(kw_only=True)
class Model(YamlText):
    """A registered model, or one to register. Without a name it is anonymous: known by its content."""

    name: str | None = None
    version: str | None = None
    #: `custom_model`, `mlflow_model` or `triton_model`.
    type: str | None = None
    path: str | os.PathLike[str] | None = None
    utc_time_created: str | None = None
    flavors: dict[str, dict[str, Any]] = field(default_factory=dict)
    description: str | None = None
    tags: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    stage: str | None = None
    datastore: str | None = None
    # From here on: what the server fills in.
    id: str | None = None
    latest_version: str | None = None
    creation_context: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.type = self.type or "custom_model"
        self.version = None if self.version is None else str(self.version)
        self.tags = dict(self.tags or {})
        self.properties = dict(self.properties or {})
        self.flavors = dict(self.flavors or {})
