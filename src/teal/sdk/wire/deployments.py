"""Online deployments: entity to ARM body and back (spec/wire.md §3.7). Pure; used by sdk/operations/deployments.py."""

import os
from collections.abc import Mapping
from typing import Any

from teal.sdk.entities.deployments import KubernetesOnlineDeployment, ManagedOnlineDeployment, OnlineDeployment
from teal.sdk.entities.settings import CodeConfiguration
from teal.sdk.references import parse_endpoint_name
from teal.sdk.wire import settings
from teal.sdk.wire.fields import as_map, build_texts, creation_context, pascal, snake_keys, without_none


def build_deployment(deployment: OnlineDeployment, *, location: str) -> dict[str, Any]:
    """The whole object, as PUT sends it. Model, environment and code must be ids by now."""
    properties = without_none(
        endpointComputeType=pascal(deployment.type),
        description=deployment.description,
        properties=build_texts(deployment.properties),
        model=_id(deployment.model),
        modelMountPath=deployment.model_mount_path,
        codeConfiguration=_build_code(deployment.code),
        environmentId=_id(deployment.environment),
        environmentVariables=build_texts(deployment.environment_variables),
        appInsightsEnabled=deployment.app_insights_enabled,
        instanceType=deployment.instance_type,
        scaleSettings=settings.build_scale(deployment.scale_settings),
        requestSettings=settings.build_request_settings(deployment.request_settings),
        livenessProbe=settings.build_probe(deployment.liveness_probe),
        readinessProbe=settings.build_probe(deployment.readiness_probe),
        dataCollector=settings.build_data_collector(deployment.data_collector),
    )
    if isinstance(deployment, ManagedOnlineDeployment):
        if deployment.egress_public_network_access:
            properties["egressPublicNetworkAccess"] = pascal(deployment.egress_public_network_access)
        if deployment.private_network_connection is not None:
            properties["privateNetworkConnection"] = deployment.private_network_connection
    if isinstance(deployment, KubernetesOnlineDeployment) and deployment.resources is not None:
        properties["containerResourceRequirements"] = settings.build_resources(deployment.resources)
    return {
        "location": deployment.location or location,
        "tags": build_texts(deployment.tags),
        "sku": without_none(name="Default", capacity=deployment.instance_count),
        "properties": properties,
    }


def parse_deployment(resource: Mapping[str, Any]) -> OnlineDeployment:
    """The entity in an answer."""
    properties = as_map(resource.get("properties"))
    observed = properties.get("observed")
    common: dict[str, Any] = {
        "id": resource.get("id"),
        "name": str(resource.get("name")),
        "endpoint_name": parse_endpoint_name(str(resource.get("id") or "")),
        "location": resource.get("location"),
        "tags": as_map(resource.get("tags")),
        "properties": as_map(properties.get("properties")),
        "description": properties.get("description"),
        "model": properties.get("model"),
        "model_mount_path": properties.get("modelMountPath"),
        "code_configuration": _parse_code(properties.get("codeConfiguration")),
        "environment": properties.get("environmentId"),
        "environment_variables": as_map(properties.get("environmentVariables")),
        "app_insights_enabled": bool(properties.get("appInsightsEnabled", False)),
        "instance_type": properties.get("instanceType"),
        "instance_count": as_map(resource.get("sku")).get("capacity"),
        "scale_settings": settings.parse_scale(properties.get("scaleSettings")),
        "request_settings": settings.parse_request_settings(properties.get("requestSettings")),
        "liveness_probe": settings.parse_probe(properties.get("livenessProbe")),
        "readiness_probe": settings.parse_probe(properties.get("readinessProbe")),
        "data_collector": settings.parse_data_collector(properties.get("dataCollector")),
        "provisioning_state": properties.get("provisioningState"),
        "provisioning_error": as_map(properties.get("provisioningError")) or None,
        "creation_context": creation_context(resource),
        "observed": snake_keys(observed) if observed else None,
    }
    if str(properties.get("endpointComputeType", "Managed")).lower() == "kubernetes":
        resources = settings.parse_resources(properties.get("containerResourceRequirements"))
        return KubernetesOnlineDeployment(resources=resources, **common)
    egress = properties.get("egressPublicNetworkAccess")
    return ManagedOnlineDeployment(
        egress_public_network_access=str(egress).lower() if egress else None,
        private_network_connection=properties.get("privateNetworkConnection"),
        **common,
    )


# --- private


def _id(asset: Any) -> str | None:
    if asset is None or isinstance(asset, str):
        return asset
    found: str | None = asset.id
    return found


def _build_code(code: CodeConfiguration | None) -> dict[str, Any] | None:
    if code is None or (code.code is None and code.scoring_script is None):
        return None
    return without_none(
        codeId=None if code.code is None else os.fspath(code.code),
        scoringScript=None if code.scoring_script is None else os.fspath(code.scoring_script),
    )


def _parse_code(body: Any) -> CodeConfiguration | None:
    if not body:
        return None
    return CodeConfiguration(code=body.get("codeId"), scoring_script=body.get("scoringScript"))
