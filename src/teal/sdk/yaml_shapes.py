"""The YAML files people write: endpoint, deployment, model, environment (spec/azureml.md §1.1–1.4, §1.9, §1.10)."""

from typing import Any

from teal.sdk.entities.deployments import KubernetesOnlineDeployment, ManagedOnlineDeployment
from teal.sdk.entities.endpoints import KubernetesOnlineEndpoint, ManagedOnlineEndpoint
from teal.sdk.entities.environments import BuildContext, Environment
from teal.sdk.entities.identities import IdentityConfiguration, ManagedIdentityConfiguration
from teal.sdk.entities.models import Model
from teal.sdk.entities.settings import (
    CodeConfiguration,
    DataAsset,
    DataCollector,
    DefaultScaleSettings,
    DeploymentCollection,
    OnlineRequestSettings,
    ProbeSettings,
    RequestLogging,
    ResourceRequirementsSettings,
    ResourceSettings,
    TargetUtilizationScaleSettings,
)
from teal.sdk.entities.workspaces import Workspace
from teal.sdk.shapes import (
    Checker,
    Place,
    Shape,
    anything,
    boolean,
    integer,
    list_of,
    local_path,
    map_of,
    number,
    one_of,
    scalar,
    text,
    text_or,
)

_FILLED_IN = (
    "id",
    "resourceGroup",
    "provisioning_state",
    "provisioning_error",
    "creation_context",
    "utc_time_created",
    "latest_version",
    "observed",
    "job_name",
    "system_metadata",
    "intellectual_property",
)


def _percents(value: Any, place: Place) -> dict[str, float] | None:
    """Whole unless an endpoint's `teal.traffic_precision` allows parts of a percent; the server knows."""
    found: dict[str, float] | None = map_of(number)(value, place)
    if not found or place.problems:
        return found
    if (total := sum(found.values())) > 100:
        place.refuse(f"the percentages add up to {total:g}; at most 100 can be given out")
    return {name: int(percent) if percent.is_integer() else percent for name, percent in found.items()}


def _conda(value: Any, place: Place) -> Any:
    return value if isinstance(value, dict) else local_path(value, place)


IDENTITY = Shape(
    keys={
        "type": one_of("system_assigned", "user_assigned", "none"),
        "principal_id": text,
        "tenant_id": text,
        "user_assigned_identities": list_of(
            Shape(
                keys=dict.fromkeys(("client_id", "resource_id", "object_id", "principal_id"), text),
                make=ManagedIdentityConfiguration,
            )
        ),
    },
    make=IdentityConfiguration,
    required=("type",),
)

_ENDPOINT_KEYS: dict[str, Checker] = {
    "name": text,
    "description": text,
    "tags": map_of(scalar),
    "properties": map_of(scalar),
    "auth_mode": one_of("key", "aml_token", "aad_token"),
    "identity": IDENTITY,
    "traffic": _percents,
    "mirror_traffic": _percents,
    "location": text,
}
_ENDPOINT_FILLED_IN = (*_FILLED_IN, "kind", "scoring_uri", "openapi_uri")

MANAGED_ENDPOINT = Shape(
    keys={**_ENDPOINT_KEYS, "public_network_access": one_of("enabled", "disabled")},
    make=ManagedOnlineEndpoint,
    required=("name",),
    read_only=_ENDPOINT_FILLED_IN,
)
KUBERNETES_ENDPOINT = Shape(
    keys={**_ENDPOINT_KEYS, "compute": text},
    make=KubernetesOnlineEndpoint,
    required=("name",),
    read_only=_ENDPOINT_FILLED_IN,
)

_MODEL_KEYS: dict[str, Checker] = {
    "name": text,
    "version": text,
    "type": one_of("custom_model", "mlflow_model", "triton_model"),
    "path": local_path,
    "description": text,
    "tags": map_of(scalar),
    "properties": map_of(scalar),
    "flavors": anything,
    "stage": text,
    "datastore": text,
}
MODEL = Shape(keys=_MODEL_KEYS, make=Model, required=("name", "path"), read_only=_FILLED_IN)
INLINE_MODEL = Shape(keys=_MODEL_KEYS, make=Model, required=("path",), read_only=_FILLED_IN)

_ROUTE = Shape(keys={"port": integer, "path": text}, make=dict, required=("port", "path"))
_ENVIRONMENT_KEYS: dict[str, Checker] = {
    "name": text,
    "version": text,
    "description": text,
    "tags": map_of(scalar),
    "properties": map_of(scalar),
    "image": text,
    "conda_file": _conda,
    "build": Shape(keys={"path": local_path, "dockerfile_path": text}, make=BuildContext, required=("path",)),
    "inference_config": Shape(
        keys={"liveness_route": _ROUTE, "readiness_route": _ROUTE, "scoring_route": _ROUTE},
        make=dict,
        required=("liveness_route", "readiness_route", "scoring_route"),
    ),
    "os_type": one_of("linux", "windows"),
    "datastore": text,
}
ENVIRONMENT = Shape(keys=_ENVIRONMENT_KEYS, make=Environment, required=("name",), read_only=_FILLED_IN)
INLINE_ENVIRONMENT = Shape(keys=_ENVIRONMENT_KEYS, make=Environment, read_only=_FILLED_IN)

WORKSPACE = Shape(
    keys={
        "name": text,
        "description": text,
        "display_name": text,
        "location": text,
        "resource_group": text,
        "tags": map_of(scalar),
    },
    make=Workspace,
    required=("name",),
    read_only=(
        *("id", "discovery_url", "mlflow_tracking_uri", "storage_account", "container_registry", "key_vault"),
        *("application_insights", "hbi_workspace", "identity", "public_network_access", "image_build_compute"),
        *(
            "managed_network",
            "primary_user_assigned_identity",
            "system_datastores_auth_mode",
            "kind",
            "customer_managed_key",
        ),
    ),
)

_PROBE = Shape(
    keys=dict.fromkeys(("failure_threshold", "success_threshold", "timeout", "period", "initial_delay"), integer),
    make=ProbeSettings,
)
_DEFAULT_SCALE = Shape(keys={"type": one_of("default")}, make=DefaultScaleSettings, required=("type",))
_TARGET_SCALE = Shape(
    keys={
        "type": one_of("target_utilization"),
        "min_instances": integer,
        "max_instances": integer,
        "polling_interval": integer,
        "target_utilization_percentage": integer,
    },
    make=TargetUtilizationScaleSettings,
    required=("type",),
)


def _scale(value: Any, place: Place) -> Any:
    wanted = value.get("type") if isinstance(value, dict) else None
    if wanted is None:
        return _DEFAULT_SCALE(value, place)
    kind = one_of("default", "target_utilization")(wanted, place.below("type"))
    return None if kind is None else (_TARGET_SCALE if kind == "target_utilization" else _DEFAULT_SCALE)(value, place)


_AMOUNTS = Shape(
    keys={"cpu": text, "memory": text, "gpu": text, "nvidia.com/gpu": text},
    make=ResourceSettings,
    renamed={"nvidia.com/gpu": "gpu"},
)
_COLLECTION = Shape(
    keys={
        "enabled": one_of("true", "false"),
        "data": text_or(Shape(keys={"data_id": text, "name": text, "path": text, "version": text}, make=DataAsset)),
        "client_id": text,
    },
    make=DeploymentCollection,
    required=("enabled",),
)
_DATA_COLLECTOR = Shape(
    keys={
        "collections": map_of(_COLLECTION),
        "rolling_rate": one_of("minute", "hour", "day", "month", "year"),
        "sampling_rate": number,
        "request_logging": Shape(keys={"capture_headers": list_of(text)}, make=RequestLogging),
    },
    make=DataCollector,
    required=("collections",),
)
_DEPLOYMENT_KEYS: dict[str, Checker] = {
    "name": text,
    "endpoint_name": text,
    "description": text,
    "tags": map_of(scalar),
    "properties": map_of(scalar),
    "type": one_of("managed", "kubernetes"),
    "model": text_or(INLINE_MODEL),
    "model_mount_path": text,
    "code_configuration": Shape(keys={"code": local_path, "scoring_script": text}, make=CodeConfiguration),
    "environment": text_or(INLINE_ENVIRONMENT),
    "environment_variables": map_of(scalar),
    "app_insights_enabled": boolean,
    "scale_settings": _scale,
    "request_settings": Shape(
        keys={
            "request_timeout_ms": integer,
            "max_concurrent_requests_per_instance": integer,
            "max_queue_wait_ms": integer,
        },
        make=OnlineRequestSettings,
    ),
    "liveness_probe": _PROBE,
    "readiness_probe": _PROBE,
    "instance_type": text,
    "instance_count": integer,
    "data_collector": _DATA_COLLECTOR,
    "location": text,
}


def _managed(**fields: Any) -> ManagedOnlineDeployment:
    fields.pop("type", None)
    return ManagedOnlineDeployment(**fields)


def _kubernetes(**fields: Any) -> KubernetesOnlineDeployment:
    fields.pop("type", None)
    return KubernetesOnlineDeployment(**fields)


MANAGED_DEPLOYMENT = Shape(
    keys={
        **_DEPLOYMENT_KEYS,
        "egress_public_network_access": one_of("enabled", "disabled"),
        "private_network_connection": boolean,
    },
    make=_managed,
    required=("name", "endpoint_name"),
    read_only=_FILLED_IN,
)
KUBERNETES_DEPLOYMENT = Shape(
    keys={
        **_DEPLOYMENT_KEYS,
        "resources": Shape(keys={"requests": _AMOUNTS, "limits": _AMOUNTS}, make=ResourceRequirementsSettings),
    },
    make=_kubernetes,
    required=("name", "endpoint_name"),
    read_only=_FILLED_IN,
)
