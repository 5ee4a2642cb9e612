"""What instances run on, as callers hold it; names as in azure.ai.ml.entities."""

from dataclasses import dataclass, field
from typing import Any

from teal.sdk.entities.yaml_text import YamlText


@dataclass(kw_only=True)
class Compute(YamlText):
    """Read only: a server has the computes it was started with."""

    name: str
    type: str | None = None
    location: str | None = None
    description: str | None = None
    resource_id: str | None = None
    tags: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    provisioning_state: str | None = None
    id: str | None = None
