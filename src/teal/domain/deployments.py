"""The online deployment: what people ask for (spec), the stored object, what the loop knows of it (status), and its
revision."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from teal.domain.conditions import Condition
from teal.domain.endpoint_settings import parse_deployment_settings
from teal.domain.environment_variables import check_variables
from teal.domain.errors import InvalidInput, Unsupported
from teal.domain.failures import Failure
from teal.domain.phases import Phase
from teal.domain.probes import ProbeSettings
from teal.domain.remarks import check_remarks
from teal.domain.states import ProvisioningState

DEFAULT_INSTANCE_TYPE = "Standard_F4s_v2"
MAX_INSTANCES = 1000  # beyond it is a slip; what is allowed is a quota (domain/quotas.py)
MAX_CONCURRENT_REQUESTS = 100_000
MAX_SCRIPT_CHARS = 1024
MAX_REQUEST_TIMEOUT_MS = 180_000
DEFAULT_DRAIN_LIMIT_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSettings:
    """Limits of requests (`spec/azureml.md` §1.2). `drain_limit_s` (Teal's own) bounds how long an old instance may
    finish its requests."""

    request_timeout_ms: int = 5000
    max_concurrent_requests_per_instance: int = 1
    max_queue_wait_ms: int = 500
    drain_limit_s: float = DEFAULT_DRAIN_LIMIT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSpec:
    """What people write about a deployment. `model`, `code_id` and `environment` are references as sent
    (`spec/wire.md` §3.7).

    `extra` holds members of the resource's `properties` that Teal does not know, `extra_top` those beside them; they
    are kept and returned.
    """

    location: str = "local"
    compute_type: str = "Managed"
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None
    code_id: str | None = None
    scoring_script: str | None = None
    environment: str | None = None
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    instance_type: str = DEFAULT_INSTANCE_TYPE
    instance_count: int = 1
    sku: Mapping[str, Any] = field(default_factory=lambda: {"name": "Default"})
    scale_settings: Mapping[str, Any] = field(default_factory=lambda: {"scaleType": "Default"})
    app_insights_enabled: bool = False
    request_settings: RequestSettings = field(default_factory=RequestSettings)
    liveness_probe: ProbeSettings = field(default_factory=ProbeSettings)
    readiness_probe: ProbeSettings = field(default_factory=ProbeSettings)
    startup_probe: ProbeSettings | None = None
    egress_public_network_access: str = "Enabled"
    extra: Mapping[str, Any] = field(default_factory=dict)
    extra_top: Mapping[str, Any] = field(default_factory=dict)

    @property
    def start_limit_s(self) -> float:
        """How long an instance may take until its first good answer: what the startup probe says where there is one.
        Else Azure ends it when its liveness probe has failed for good, and has it wait when only the readiness probe
        has: the longer of both counts."""
        if self.startup_probe is not None:
            return self.startup_probe.startup_limit_s
        return max(self.liveness_probe.startup_limit_s, self.readiness_probe.startup_limit_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineDeployment:
    """The stored deployment. `generation` counts accepted changes from 1; times are epoch seconds."""

    endpoint: str
    name: str
    spec: DeploymentSpec
    generation: int
    created_at: float
    modified_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentStatus:
    """Seen and derived; written by reconcile only.

    `serving` is the spec whose instances answer (None: nothing has ever been ready); after a failed update it
    differs from
    the wanted one, and stays. `phase` is what people read while they wait; `failed_logs` what the instances that
    did not
    get ready left behind, by container. `phases`: the steps of the last start that a change has waited for.
    """

    serving: DeploymentSpec | None = None
    outcome: ProvisioningState = ProvisioningState.CREATING
    failure: Failure | None = None
    phase: str = ""
    failed_logs: Mapping[str, str] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    phases: tuple[Phase, ...] = ()


def revision_of(spec: DeploymentSpec) -> str:
    """The name of everything in a spec that needs new instances when it changes: 10 hex digits, the same for the
    same content.

    Instance count, traffic, probes, tags and time limits enforced by the gateway are not part of it.
    """
    return _name_content(
        spec.model,
        spec.code_id,
        spec.scoring_script,
        spec.environment,
        tuple(sorted(spec.environment_variables.items())),
        spec.instance_type.lower(),
        spec.request_settings.max_concurrent_requests_per_instance,
        spec.request_settings.request_timeout_ms,
    )


def check_deployment(spec: DeploymentSpec, *, is_mlflow: bool = False) -> None:
    """Refuse what is out of range (`spec/azureml.md` §1.2, §1.5) or what this server cannot run.

    `is_mlflow`: its model is an MLflow model, which needs neither a script nor an environment.
    """
    check_remarks(spec.description, spec.tags, spec.properties)
    parse_deployment_settings(spec.properties)
    if spec.compute_type.lower() != "managed":
        raise Unsupported(
            f"This server has no {spec.compute_type} backend.",
            target="endpointComputeType",
            hint="Use a managed online deployment.",
        )
    if not 1 <= spec.instance_count <= MAX_INSTANCES:
        raise InvalidInput(
            f"instance_count must be from 1 to {MAX_INSTANCES}, not {spec.instance_count}.", target="instance_count"
        )
    settings = spec.request_settings
    if not 1 <= settings.request_timeout_ms <= MAX_REQUEST_TIMEOUT_MS:
        raise InvalidInput(
            f"request_timeout_ms must be from 1 to {MAX_REQUEST_TIMEOUT_MS}, not {settings.request_timeout_ms}.",
            target="request_timeout_ms",
        )
    if not 1 <= settings.max_concurrent_requests_per_instance <= MAX_CONCURRENT_REQUESTS:
        raise InvalidInput(
            f"max_concurrent_requests_per_instance must be from 1 to {MAX_CONCURRENT_REQUESTS}, "
            f"not {settings.max_concurrent_requests_per_instance}.",
            target="max_concurrent_requests_per_instance",
        )
    check_variables(spec.environment_variables)
    if spec.scoring_script and ("\0" in spec.scoring_script or len(spec.scoring_script) > MAX_SCRIPT_CHARS):
        raise InvalidInput(
            f"scoring_script must be a path of at most {MAX_SCRIPT_CHARS} characters.", target="code_configuration"
        )
    if spec.liveness_probe.success_threshold != 1:
        raise InvalidInput("success_threshold of a liveness_probe can only be 1.", target="liveness_probe")
    if str(spec.scale_settings.get("scaleType", "Default")).lower() != "default":
        raise Unsupported(
            "Managed online deployments scale by instance_count; scale_settings.type must be 'default'.",
            target="scale_settings",
        )
    if spec.code_id is None and spec.scoring_script is None:
        if is_mlflow:
            return
        raise Unsupported(
            "Only a model of the type mlflow_model is served without a scoring script.",
            target="code_configuration",
            hint="Add code_configuration with 'code' (a folder) and 'scoring_script' (a file in it), or register the "
            "model as mlflow_model if it is one. A server that comes in an image of its own needs containers, and "
            "Triton models a Triton server: this server starts neither.",
        )
    if spec.environment is None:
        raise InvalidInput("A deployment with a scoring script needs an environment.", target="environment")
    if (spec.code_id is None) != (spec.scoring_script is None):
        raise InvalidInput(
            "code_configuration needs both 'code' (a folder) and 'scoring_script' (a file in it).",
            target="code_configuration",
        )


# --- private


# A pass of the loop asks for the same revision a dozen times.
@lru_cache(maxsize=1024, typed=True)
def _name_content(
    model: str | None,
    code: str | None,
    script: str | None,
    environment: str | None,
    variables: tuple[tuple[str, str], ...],
    type_: str,
    concurrent: int,
    timeout_ms: int,
) -> str:
    content = {
        "model": model,
        "code": code,
        "script": script,
        "environment": environment,
        "variables": dict(variables),
        "type": type_,
        "concurrent": concurrent,
        "timeout": timeout_ms,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]
