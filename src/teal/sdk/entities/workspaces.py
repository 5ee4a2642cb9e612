"""The workspace as callers hold it; names as in azure.ai.ml.entities."""

from dataclasses import dataclass, field
from typing import Any

from teal.sdk.entities.yaml_text import YamlText


@dataclass(kw_only=True)
class Workspace(YamlText):
    """A scope of names. What Azure keeps beside one (a registry of images, a vault) is None: Teal needs none of it."""

    name: str
    description: str | None = None
    display_name: str | None = None
    location: str | None = None
    resource_group: str | None = None
    tags: dict[str, Any] = field(default_factory=dict)
    storage_account: str | None = None
    container_registry: str | None = None
    key_vault: str | None = None
    application_insights: str | None = None
    # From here on: what the server fills in.
    id: str | None = None
    discovery_url: str | None = None
    mlflow_tracking_uri: str | None = None
