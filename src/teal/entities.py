"""The entities of the client library, under the names azure.ai.ml.entities has for them."""

from teal.sdk.entities.computes import Compute
from teal.sdk.entities.deployments import KubernetesOnlineDeployment, ManagedOnlineDeployment, OnlineDeployment
from teal.sdk.entities.endpoints import (
    EndpointAuthKeys,
    EndpointAuthToken,
    KubernetesOnlineEndpoint,
    ManagedOnlineEndpoint,
    OnlineEndpoint,
)
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
    OnlineScaleSettings,
    ProbeSettings,
    RequestLogging,
    ResourceRequirementsSettings,
    ResourceSettings,
    TargetUtilizationScaleSettings,
)
from teal.sdk.entities.workspaces import Workspace

__all__ = [
    "BuildContext",
    "CodeConfiguration",
    "Compute",
    "DataAsset",
    "DataCollector",
    "DefaultScaleSettings",
    "DeploymentCollection",
    "EndpointAuthKeys",
    "EndpointAuthToken",
    "Environment",
    "IdentityConfiguration",
    "KubernetesOnlineDeployment",
    "KubernetesOnlineEndpoint",
    "ManagedIdentityConfiguration",
    "ManagedOnlineDeployment",
    "ManagedOnlineEndpoint",
    "Model",
    "OnlineDeployment",
    "OnlineEndpoint",
    "OnlineRequestSettings",
    "OnlineScaleSettings",
    "ProbeSettings",
    "RequestLogging",
    "ResourceRequirementsSettings",
    "ResourceSettings",
    "TargetUtilizationScaleSettings",
    "Workspace",
]
