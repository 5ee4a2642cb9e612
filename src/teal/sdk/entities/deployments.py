"""Online deployments as callers hold them; named as in azure.ai.ml.entities (spec/azureml.md §1.2, §1.3)."""

import os
from dataclasses import dataclass, field
from typing import Any, ClassVar

from teal.sdk.entities.environments import Environment
from teal.sdk.entities.models import Model
from teal.sdk.entities.settings import (
    CodeConfiguration,
    DataCollector,
    OnlineRequestSettings,
    OnlineScaleSettings,
    ProbeSettings,
    ResourceRequirementsSettings,
)
from teal.sdk.entities.yaml_text import YamlText


@dataclass(kw_only=True)
class OnlineDeployment(YamlText):
    """What the two kinds have in common."""

    name: str
    endpoint_name: str | None = None
    tags: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    description: str | None = None
    model: str | Model | None = None
    code_configuration: CodeConfiguration | None = None
    environment: str | Environment | None = None
    app_insights_enabled: bool = False
    scale_settings: OnlineScaleSettings | None = None
    request_settings: OnlineRequestSettings | None = None
    liveness_probe: ProbeSettings | None = None
    readiness_probe: ProbeSettings | None = None
    environment_variables: dict[str, Any] = field(default_factory=dict)
    instance_type: str | None = None
    instance_count: int | None = None
    model_mount_path: str | None = None
    #: The short way to write `code_configuration`, which wins where both are given.
    code_path: str | os.PathLike[str] | None = None
    scoring_script: str | os.PathLike[str] | None = None
    data_collector: DataCollector | None = None
    # From here on: what the server fills in.
    id: str | None = None
    location: str | None = None
    provisioning_state: str | None = None
    #: Of a deployment that is Failed: code, and message with traceback and what to do.
    provisioning_error: dict[str, Any] | None = None
    creation_context: dict[str, Any] | None = None
    #: What is going on now: revision, phase, phases, instances, conditions, requests.
    observed: dict[str, Any] | None = None
    #: Which state was read; a change of another state is refused (If-Match).
    etag: str | None = field(default=None, repr=False, compare=False)

    type: ClassVar[str] = "managed"

    def __post_init__(self) -> None:
        self.name = self.name.lower()
        if self.endpoint_name is not None:
            self.endpoint_name = self.endpoint_name.lower()
        self.tags = dict(self.tags or {})
        self.properties = dict(self.properties or {})
        self.environment_variables = dict(self.environment_variables or {})

    @property
    def code(self) -> CodeConfiguration | None:
        """The code configuration in force, however it was written."""
        if self.code_configuration is not None:
            return self.code_configuration
        if self.code_path is None and self.scoring_script is None:
            return None
        return CodeConfiguration(self.code_path, self.scoring_script)


@dataclass(kw_only=True)
class ManagedOnlineDeployment(OnlineDeployment):
    """A deployment whose instances Teal runs itself."""

    egress_public_network_access: str | None = None
    private_network_connection: bool | None = None

    type: ClassVar[str] = "managed"


@dataclass(kw_only=True)
class KubernetesOnlineDeployment(OnlineDeployment):
    """A deployment whose instances run in a Kubernetes cluster."""

    resources: ResourceRequirementsSettings | None = None

    type: ClassVar[str] = "kubernetes"
