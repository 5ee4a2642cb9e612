"""The workspace as callers hold it; names as in azure.ai.ml.entities."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(kw_only=True)
class Workspace:
    """Read only: a server makes a workspace when it is first named."""

    name: str
    description: str | None = None
    display_name: str | None = None
    location: str | None = None
    resource_group: str | None = None
    tags: dict[str, Any] = field(default_factory=dict)
    id: str | None = None
    discovery_url: str | None = None
    mlflow_tracking_uri: str | None = None
