"""The settings inside a deployment: entity to wire and back (spec/wire.md §3.7). Pure; used by deployments.py."""

from collections.abc import Mapping
from typing import Any

from teal.sdk.durations import format_duration_ms, format_duration_s, parse_duration_ms, parse_duration_s
from teal.sdk.entities.settings import (
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
from teal.sdk.wire.fields import as_map, without_none


def build_request_settings(settings: OnlineRequestSettings | None) -> dict[str, Any] | None:
    if settings is None:
        return None
    return without_none(
        maxConcurrentRequestsPerInstance=settings.max_concurrent_requests_per_instance,
        requestTimeout=_ms(settings.request_timeout_ms),
        maxQueueWait=_ms(settings.max_queue_wait_ms),
    )


def parse_request_settings(body: Any) -> OnlineRequestSettings | None:
    if not body:
        return None
    timeout, wait = body.get("requestTimeout"), body.get("maxQueueWait")
    return OnlineRequestSettings(
        max_concurrent_requests_per_instance=body.get("maxConcurrentRequestsPerInstance"),
        request_timeout_ms=parse_duration_ms(timeout) if timeout else None,
        max_queue_wait_ms=parse_duration_ms(wait) if wait else None,
    )


def build_probe(probe: ProbeSettings | None) -> dict[str, Any] | None:
    if probe is None:
        return None
    return without_none(
        failureThreshold=probe.failure_threshold,
        successThreshold=probe.success_threshold,
        timeout=_s(probe.timeout),
        period=_s(probe.period),
        initialDelay=_s(probe.initial_delay),
    )


def parse_probe(body: Any) -> ProbeSettings | None:
    if not body:
        return None
    times = {key: parse_duration_s(body[key]) for key in ("timeout", "period", "initialDelay") if body.get(key)}
    return ProbeSettings(
        failure_threshold=body.get("failureThreshold"),
        success_threshold=body.get("successThreshold"),
        timeout=times.get("timeout"),
        period=times.get("period"),
        initial_delay=times.get("initialDelay"),
    )


def build_scale(scale: OnlineScaleSettings | None) -> dict[str, Any] | None:
    if isinstance(scale, TargetUtilizationScaleSettings):
        return without_none(
            scaleType="TargetUtilization",
            minInstances=scale.min_instances,
            maxInstances=scale.max_instances,
            pollingInterval=_s(scale.polling_interval),
            targetUtilizationPercentage=scale.target_utilization_percentage,
        )
    return None if scale is None else {"scaleType": "Default"}


def parse_scale(body: Any) -> OnlineScaleSettings | None:
    if not body:
        return None
    if str(body.get("scaleType", "Default")).lower() != "targetutilization":
        return DefaultScaleSettings()
    interval = body.get("pollingInterval")
    return TargetUtilizationScaleSettings(
        min_instances=body.get("minInstances"),
        max_instances=body.get("maxInstances"),
        polling_interval=parse_duration_s(interval) if interval else None,
        target_utilization_percentage=body.get("targetUtilizationPercentage"),
    )


def build_resources(resources: ResourceRequirementsSettings) -> dict[str, Any]:
    return without_none(
        containerResourceRequests=_build_amounts(resources.requests),
        containerResourceLimits=_build_amounts(resources.limits),
    )


def parse_resources(body: Any) -> ResourceRequirementsSettings | None:
    if not body:
        return None
    return ResourceRequirementsSettings(
        requests=_parse_amounts(body.get("containerResourceRequests")),
        limits=_parse_amounts(body.get("containerResourceLimits")),
    )


def build_data_collector(collector: DataCollector | None) -> dict[str, Any] | None:
    if collector is None:
        return None
    logging = collector.request_logging
    return without_none(
        collections={
            name: _build_collection(collection, collector.sampling_rate)
            for name, collection in collector.collections.items()
        },
        rollingRate=collector.rolling_rate,
        requestLogging={"captureHeaders": list(logging.capture_headers)} if logging else None,
    )


def parse_data_collector(body: Any) -> DataCollector | None:
    if not body:
        return None
    collections = {name: as_map(each) for name, each in as_map(body.get("collections")).items()}
    rates = [each["samplingRate"] for each in collections.values() if each.get("samplingRate") is not None]
    logging = as_map(body.get("requestLogging"))
    return DataCollector(
        collections={name: _parse_collection(each) for name, each in collections.items()},
        rolling_rate=body.get("rollingRate"),
        sampling_rate=rates[0] if rates else None,
        request_logging=RequestLogging(capture_headers=list(logging.get("captureHeaders") or ())) if logging else None,
    )


# --- private


def _ms(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else format_duration_ms(milliseconds)


def _s(seconds: int | None) -> str | None:
    return None if seconds is None else format_duration_s(seconds)


def _build_amounts(amounts: ResourceSettings | None) -> dict[str, Any] | None:
    return None if amounts is None else without_none(cpu=amounts.cpu, memory=amounts.memory, gpu=amounts.gpu)


def _parse_amounts(body: Any) -> ResourceSettings | None:
    return ResourceSettings(body.get("cpu"), body.get("memory"), body.get("gpu")) if body else None


def _build_collection(collection: DeploymentCollection, sampling_rate: float | None) -> dict[str, Any]:
    data = collection.data
    return without_none(
        dataCollectionMode="enabled" if str(collection.enabled).lower() == "true" else "disabled",
        dataId=data.data_id if isinstance(data, DataAsset) else data,
        clientId=collection.client_id,
        samplingRate=sampling_rate,
    )


def _parse_collection(body: Mapping[str, Any]) -> DeploymentCollection:
    enabled = str(body.get("dataCollectionMode", "")).lower() == "enabled"
    return DeploymentCollection(
        enabled="true" if enabled else "false", data=body.get("dataId"), client_id=body.get("clientId")
    )
