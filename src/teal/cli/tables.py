"""What `-o table` shows: the few columns people look for. Pure; used by the command table."""

from collections import OrderedDict
from typing import Any


def endpoint(found: dict[str, Any]) -> Any:
    return OrderedDict(
        Name=found.get("name"),
        Auth=found.get("auth_mode"),
        State=found.get("provisioning_state"),
        Traffic=_split(found.get("traffic")),
        Mirror=_split(found.get("mirror_traffic")),
        ScoringUri=found.get("scoring_uri"),
    )


def endpoints(found: list[dict[str, Any]]) -> list[Any]:
    return [endpoint(each) for each in found]


def deployment(found: dict[str, Any]) -> Any:
    observed = found.get("observed") or {}
    instances = observed.get("instances") or []
    ready = sum(each.get("state") == "routable" for each in instances)
    return OrderedDict(
        Name=found.get("name"),
        Endpoint=found.get("endpoint_name"),
        State=found.get("provisioning_state"),
        Phase=observed.get("phase", ""),
        Instances=f"{ready}/{found.get('instance_count')}" if instances else str(found.get("instance_count", "")),
        Model=_tail(found.get("model")),
    )


def deployments(found: list[dict[str, Any]]) -> list[Any]:
    return [deployment(each) for each in found]


def assets(found: list[dict[str, Any]]) -> list[Any]:
    return [
        OrderedDict(
            Name=each.get("name"),
            Version=each.get("version") or each.get("latest_version"),
            Type=each.get("type") or "",
            Created=(each.get("creation_context") or {}).get("created_at", ""),
            Description=each.get("description") or "",
        )
        for each in found
    ]


def workspace(found: dict[str, Any]) -> Any:
    return OrderedDict(Name=found.get("name"), Group=found.get("resource_group"), Location=found.get("location"))


def workspaces(found: list[dict[str, Any]]) -> list[Any]:
    return [workspace(each) for each in found]


def compute(found: dict[str, Any]) -> Any:
    return OrderedDict(Name=found.get("name"), Type=found.get("type"), State=found.get("provisioning_state", ""))


def computes(found: list[dict[str, Any]]) -> list[Any]:
    return [compute(each) for each in found]


def autoscale_settings(found: list[dict[str, Any]]) -> list[Any]:
    return [
        OrderedDict(Name=each["name"], Enabled=each["enabled"], Deployment=each["targetResourceUri"].rpartition("/")[2])
        for each in found
    ]


def steps(found: list[dict[str, Any]]) -> list[Any]:
    return [
        OrderedDict(
            Kind=each["kind"],
            Name=each["name"],
            Action=each["action"],
            Difference="; ".join(each["difference"]) if each["action"] == "update" else "",
        )
        for each in found
    ]


# --- private


def _split(percents: dict[str, float] | None) -> str:
    return " ".join(f"{name}={percent}" for name, percent in sorted((percents or {}).items()))


def _tail(arm_id: object) -> str:
    """`…/models/diabetes/versions/2` → `diabetes:2`."""
    parts = str(arm_id or "").split("/")
    return f"{parts[-3]}:{parts[-1]}" if len(parts) > 3 else str(arm_id or "")
