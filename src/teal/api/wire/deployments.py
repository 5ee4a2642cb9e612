"""Online deployments: ARM JSON <-> domain values (`spec/wire.md` §3.7). Pure; called by api/deployments.py."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from teal.api.wire.members import Members, format_duration
from teal.api.wire.patches import merge_extra
from teal.api.wire.resources import (
    SAID_AT_TOP,
    SAID_IN_PROPERTIES,
    format_conditions,
    format_failure,
    format_phases,
    format_system_data,
    format_type,
)
from teal.control.deployments import DeploymentView
from teal.domain.deployments import (
    DEFAULT_DRAIN_LIMIT_S,
    DEFAULT_INSTANCE_TYPE,
    DeploymentSpec,
    RequestSettings,
    revision_of,
)
from teal.domain.probes import ProbeSettings
from teal.domain.resource_ids import WorkspaceId, format_deployment_id
from teal.domain.states import ProvisioningState

AUTOSCALE = "autoscale"
"""The member of a deployment's `properties` that `monitor autoscale` keeps its setting in."""


def parse_deployment(body: object) -> DeploymentSpec:
    """The whole wanted deployment in a PUT body, or in a stored body with a patch applied."""
    top = Members(body)
    top.drop(*SAID_AT_TOP)
    members = Members(top.mapping("properties") or {}, "properties")
    members.drop("provisioningState", "provisioningError", "observed")
    code = members.nested("codeConfiguration")
    sku = Members(top.mapping("sku") or {}, "sku")
    capacity = sku.whole("capacity", 1)
    startup = members.mapping("startupProbe")
    collector = members.mapping("dataCollector")
    return DeploymentSpec(
        location=top.text("location") or "local",
        compute_type=members.text("endpointComputeType") or "Managed",
        description=members.text("description"),
        tags=top.texts("tags"),
        properties={k: v for k, v in members.texts("properties").items() if k not in SAID_IN_PROPERTIES},
        model=members.text("model"),
        code_id=code.text("codeId"),
        scoring_script=code.text("scoringScript"),
        environment=members.text("environmentId"),
        environment_variables=members.texts("environmentVariables"),
        instance_type=members.text("instanceType") or DEFAULT_INSTANCE_TYPE,
        instance_count=capacity,
        sku={"name": sku.text("name") or "Default", **sku.rest()},
        scale_settings=members.mapping("scaleSettings") or {"scaleType": "Default"},
        app_insights_enabled=members.flag("appInsightsEnabled", default=False),
        request_settings=_parse_request_settings(members.nested("requestSettings")),
        liveness_probe=_parse_probe(members.nested("livenessProbe")),
        readiness_probe=_parse_probe(members.nested("readinessProbe")),
        startup_probe=None if startup is None else _parse_probe(Members(startup, "properties.startupProbe")),
        egress_public_network_access=_capitalised(members.text("egressPublicNetworkAccess") or "Enabled"),
        extra=members.rest() | ({"dataCollector": _normalize_collector(collector)} if collector is not None else {}),
        extra_top=top.rest(),
    )


def keep_autoscale(wanted: DeploymentSpec, stored: DeploymentSpec) -> DeploymentSpec:
    """A PUT that says nothing of the autoscale setting leaves it: to Azure's clients it is a resource of its own, which
    a deployment's PUT does not touch (`spec/azureml.md` §1.8)."""
    if AUTOSCALE in wanted.extra or AUTOSCALE not in stored.extra:
        return wanted
    return replace(wanted, extra={**wanted.extra, AUTOSCALE: stored.extra[AUTOSCALE]})


def format_deployment(
    view: DeploymentView, workspace: WorkspaceId, requests: Mapping[str, int] | None
) -> dict[str, Any]:
    """The resource as people read it; `requests` is what the gateway counted (None: it could not be asked)."""
    deployment, status = view.deployment, view.status
    body = format_wanted(deployment.spec)
    observed: dict[str, Any] = {
        "revision": revision_of(deployment.spec),
        "servingRevision": revision_of(status.serving) if status.serving else None,
        "phase": status.phase,
        "phases": format_phases(status.phases),
        "instances": [
            {
                "id": instance.instance_id,
                "state": str(instance.state),
                "revision": instance.revision,
                "inFlight": instance.in_flight,
                "restarts": instance.attempt - 1,
            }
            for instance in view.instances
        ],
        "conditions": format_conditions(status.conditions),
    }
    if requests is not None:
        observed["requests"] = dict(requests)
    said: dict[str, Any] = {"provisioningState": str(view.state), "observed": observed}
    if status.failure and view.state is ProvisioningState.FAILED:
        said["provisioningError"] = format_failure(status.failure)
    return {
        **body,
        "id": format_deployment_id(workspace, deployment.endpoint, deployment.name),
        "name": deployment.name,
        "type": format_type("onlineEndpoints", "deployments"),
        "kind": "Managed",
        "systemData": format_system_data(deployment.created_at, deployment.modified_at),
        "properties": {**body["properties"], **said},
    }


def format_wanted(spec: DeploymentSpec) -> dict[str, Any]:
    """Only what people write: the body that a merge patch is applied to."""
    known: dict[str, Any] = {
        "endpointComputeType": spec.compute_type,
        "properties": dict(spec.properties),
        "environmentVariables": dict(spec.environment_variables),
        "instanceType": spec.instance_type,
        "scaleSettings": dict(spec.scale_settings),
        "appInsightsEnabled": spec.app_insights_enabled,
        "requestSettings": _format_request_settings(spec.request_settings),
        "livenessProbe": _format_probe(spec.liveness_probe),
        "readinessProbe": _format_probe(spec.readiness_probe),
        "egressPublicNetworkAccess": spec.egress_public_network_access,
    }
    optional = {"description": spec.description, "model": spec.model, "environmentId": spec.environment}
    known |= {name: value for name, value in optional.items() if value is not None}
    if spec.startup_probe is not None:
        known["startupProbe"] = _format_probe(spec.startup_probe)
    code = {"codeId": spec.code_id, "scoringScript": spec.scoring_script}
    if any(code.values()):
        known["codeConfiguration"] = {name: value for name, value in code.items() if value is not None}
    return {
        **spec.extra_top,
        "location": spec.location,
        "tags": dict(spec.tags),
        "sku": {**spec.sku, "capacity": spec.instance_count},
        "properties": merge_extra(known, spec.extra),
    }


# --- private


def _normalize_collector(collector: dict[str, Any]) -> dict[str, Any]:
    """With its modes in the case of the answer: the stock client sends `enabled`, and takes only `Enabled` for it."""
    collections = Members(collector, "properties.dataCollector").mapping("collections")
    if collections is None:
        return collector
    said: dict[str, Any] = {}
    for name, one in collections.items():
        mode = Members(one, f"properties.dataCollector.collections.{name}").text("dataCollectionMode")
        said[name] = {**one, "dataCollectionMode": _capitalised(mode)} if mode else one
    return {**collector, "collections": said}


def _parse_request_settings(members: Members) -> RequestSettings:
    default = RequestSettings()
    return RequestSettings(
        request_timeout_ms=round(members.duration_s("requestTimeout", default.request_timeout_ms / 1000) * 1000),
        max_concurrent_requests_per_instance=members.whole(
            "maxConcurrentRequestsPerInstance", default.max_concurrent_requests_per_instance
        ),
        max_queue_wait_ms=round(members.duration_s("maxQueueWait", default.max_queue_wait_ms / 1000) * 1000),
        drain_limit_s=members.duration_s("drainLimit", default.drain_limit_s),
    )


def _format_request_settings(settings: RequestSettings) -> dict[str, Any]:
    body: dict[str, Any] = {
        "maxConcurrentRequestsPerInstance": settings.max_concurrent_requests_per_instance,
        "maxQueueWait": format_duration(settings.max_queue_wait_ms / 1000),
        "requestTimeout": format_duration(settings.request_timeout_ms / 1000),
    }
    if settings.drain_limit_s != DEFAULT_DRAIN_LIMIT_S:
        body["drainLimit"] = format_duration(settings.drain_limit_s)
    return body


def _parse_probe(members: Members) -> ProbeSettings:
    default = ProbeSettings()
    return ProbeSettings(
        initial_delay_s=members.duration_s("initialDelay", default.initial_delay_s),
        period_s=members.duration_s("period", default.period_s),
        timeout_s=members.duration_s("timeout", default.timeout_s),
        success_threshold=members.whole("successThreshold", default.success_threshold),
        failure_threshold=members.whole("failureThreshold", default.failure_threshold),
    )


def _format_probe(probe: ProbeSettings) -> dict[str, Any]:
    return {
        "failureThreshold": probe.failure_threshold,
        "successThreshold": probe.success_threshold,
        "timeout": format_duration(probe.timeout_s),
        "period": format_duration(probe.period_s),
        "initialDelay": format_duration(probe.initial_delay_s),
    }


def _capitalised(word: str) -> str:
    return word[:1].upper() + word[1:]
