"""The settings inside a deployment; named as in azure.ai.ml.entities (spec/azureml.md §1.2–1.4)."""

import os
from dataclasses import dataclass, field


@dataclass
class CodeConfiguration:
    """A folder of code and the script in it that defines `init()` and `run()`."""

    code: str | os.PathLike[str] | None = None
    scoring_script: str | os.PathLike[str] | None = None


@dataclass
class OnlineRequestSettings:
    """How many requests at once, and for how long."""

    max_concurrent_requests_per_instance: int | None = None
    request_timeout_ms: int | None = None
    max_queue_wait_ms: int | None = None


@dataclass(kw_only=True)
class ProbeSettings:
    """When an instance counts as alive, or ready; times in seconds."""

    failure_threshold: int | None = None
    success_threshold: int | None = None
    timeout: int | None = None
    period: int | None = None
    initial_delay: int | None = None


@dataclass(kw_only=True)
class OnlineScaleSettings:
    """How the number of instances is chosen."""

    type: str


@dataclass(kw_only=True)
class DefaultScaleSettings(OnlineScaleSettings):
    """As many as `instance_count` says."""

    type: str = "default"


@dataclass(kw_only=True)
class TargetUtilizationScaleSettings(OnlineScaleSettings):
    """Between two bounds, by how busy they are (Kubernetes)."""

    type: str = "target_utilization"
    min_instances: int | None = None
    max_instances: int | None = None
    polling_interval: int | None = None
    target_utilization_percentage: int | None = None


@dataclass
class ResourceSettings:
    """Amounts as Kubernetes writes them: `0.5`, `1Gi`."""

    cpu: str | None = None
    memory: str | None = None
    gpu: str | None = None


@dataclass
class ResourceRequirementsSettings:
    """What a container asks for and what it may not exceed."""

    requests: ResourceSettings | None = None
    limits: ResourceSettings | None = None


@dataclass(kw_only=True)
class RequestLogging:
    """Which headers are kept with collected payloads."""

    capture_headers: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class DataAsset:
    """Where a collection goes."""

    data_id: str | None = None
    name: str | None = None
    path: str | None = None
    version: str | int | None = None


@dataclass(kw_only=True)
class DeploymentCollection:
    """One thing to collect; `enabled` is the word `true` or `false`."""

    enabled: str | None = None
    data: str | DataAsset | None = None
    client_id: str | None = None


@dataclass
class DataCollector:
    """What to collect of the requests and answers."""

    collections: dict[str, DeploymentCollection]
    rolling_rate: str | None = field(default=None, kw_only=True)
    sampling_rate: float | None = field(default=None, kw_only=True)
    request_logging: RequestLogging | None = field(default=None, kw_only=True)
