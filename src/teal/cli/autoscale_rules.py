"""What autoscale commands write: settings, profiles and rules, in Azure Monitor's shape. Pure, for cli/autoscale.py."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from knack.util import CLIError

DEFAULT_PROFILE = "default"
_DAYS = {
    day[:3]: day.capitalize() for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
}
_OPERATORS = {
    "==": "Equals",
    "!=": "NotEquals",
    ">": "GreaterThan",
    ">=": "GreaterThanOrEqual",
    "<": "LessThan",
    "<=": "LessThanOrEqual",
}
_AGGREGATIONS = {"avg": "Average", "min": "Minimum", "max": "Maximum", "total": "Total", "count": "Count"}
_CONDITION = re.compile(
    r'(?:"(?P<space>[^"]+)" )?(?P<metric>[^=!<>]+?) *(?P<op>==|!=|>=|<=|>|<) *(?P<value>\d+(?:\.\d+)?) +'
    r"(?P<agg>avg|min|max|total|count) +(?P<window>\S+)(?: +where +(?P<dims>.+))?"
)
_SPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


@dataclass(frozen=True, slots=True)
class AutoscaleTarget:
    """The deployment a setting is for."""

    endpoint: str
    deployment: str


def parse_target(resource: str) -> AutoscaleTarget:
    """From a deployment's ARM id."""
    parts = resource.strip("/").split("/")
    lowered = [part.lower() for part in parts]
    if len(parts) >= 4 and lowered[-4::2] == ["onlineendpoints", "deployments"]:
        return AutoscaleTarget(parts[-3].lower(), parts[-1].lower())
    raise CLIError(
        f"--resource takes the id of a deployment, not '{resource}'."
        " `teal online-deployment show -e ENDPOINT -n NAME -o tsv --query id` prints it."
    )


def build_setting(
    name: str, resource: str, *, count: int, minimum: int | None, maximum: int | None, enabled: bool
) -> dict[str, Any]:
    """A setting with the profile that is in force when no other is."""
    return {
        "enabled": enabled,
        "name": name,
        "notifications": [],
        "profiles": [build_profile(DEFAULT_PROFILE, count=count, minimum=minimum, maximum=maximum)],
        "targetResourceUri": resource,
    }


def build_profile(
    name: str,
    *,
    count: int,
    minimum: int | None = None,
    maximum: int | None = None,
    recurrence: Sequence[str] | None = None,
    start: str | None = None,
    end: str | None = None,
    timezone: str | None = None,
) -> dict[str, Any]:
    """Bounds, and when they are in force: `week sat sun`, or from a date to another."""
    least, most = (count if minimum is None else minimum), (count if maximum is None else maximum)
    if not 0 < least <= count <= most:
        raise CLIError(f"--min-count {least}, --count {count} and --max-count {most} must be in that order, from 1 on.")
    profile: dict[str, Any] = {
        "capacity": {"default": str(count), "maximum": str(most), "minimum": str(least)},
        "fixedDate": None,
        "name": name,
        "recurrence": None,
        "rules": [],
    }
    if recurrence:
        profile["recurrence"] = _build_recurrence(recurrence, start, timezone)
    elif start or end:
        if not (start and end):
            raise CLIError("A profile between two dates needs both --start and --end.")
        profile["fixedDate"] = {"end": end, "start": start, "timeZone": timezone or "UTC"}
    elif name != DEFAULT_PROFILE:
        raise CLIError("When is the profile in force? Give --recurrence week sat sun, or --start and --end.")
    return profile


def build_rule(
    condition: str, scale: Sequence[str], *, cooldown_min: int, timegrain: str, resource: str
) -> dict[str, Any]:
    """`CpuUtilizationPercentage > 70 avg 5m` and `out 2`, taken apart."""
    match = _CONDITION.fullmatch(condition.strip())
    if match is None:
        raise CLIError(f"--condition reads like \"CpuUtilizationPercentage > 70 avg 5m\", not '{condition}'.")
    statistic, _, grain = timegrain.partition(" ")
    return {
        "metricTrigger": {
            "dimensions": _parse_dimensions(match["dims"]),
            "metricName": match["metric"],
            "metricNamespace": match["space"],
            "metricResourceUri": resource,
            "operator": _OPERATORS[match["op"]],
            "statistic": _AGGREGATIONS.get(statistic, "Average"),
            "threshold": float(match["value"]),
            "timeAggregation": _AGGREGATIONS[match["agg"]],
            "timeGrain": _duration(grain or "1m"),
            "timeWindow": _duration(match["window"]),
        },
        "scaleAction": _build_action(scale, cooldown_min),
    }


def find_profile(setting: dict[str, Any], name: str) -> dict[str, Any]:
    """The profile of that name, in place."""
    profile: dict[str, Any]
    for profile in setting["profiles"]:
        if profile["name"] == name:
            return profile
    there = ", ".join(each["name"] for each in setting["profiles"])
    raise CLIError(f"The autoscale setting '{setting['name']}' has no profile '{name}'. There is: {there}.")


# --- private


def _build_action(words: Sequence[str], cooldown_min: int) -> dict[str, Any]:
    direction, amount, unit = (*words, "", "")[:3]
    number = amount.removesuffix("%")
    known = {"out": "Increase", "in": "Decrease", "to": "None"}
    if direction not in known or not number.isdigit() or unit not in ("", "%"):
        raise CLIError(f"--scale reads like `out 2`, `in 1`, `out 20%` or `to 5`, not '{' '.join(words)}'.")
    percent = amount.endswith("%") or unit == "%"
    kind = "ExactCount" if direction == "to" else ("PercentChangeCount" if percent else "ChangeCount")
    return {"cooldown": f"PT{cooldown_min}M", "direction": known[direction], "type": kind, "value": number}


def _build_recurrence(words: Sequence[str], start: str | None, timezone: str | None) -> dict[str, Any]:
    kind, *days = words
    named = [_DAYS.get(day.lower()[:3]) for day in days]
    if kind.lower() != "week" or not named or None in named:
        raise CLIError(f"--recurrence reads like `week sat sun`, not '{' '.join(words)}'.")
    hour, _, minute = (start or "00:00").partition(":")
    if not hour.isdigit() or not (minute or "0").isdigit():
        raise CLIError(f"--start of a recurrence is a time as in 08:30, not '{start}'.")
    schedule = {"days": named, "hours": [int(hour)], "minutes": [int(minute or 0)], "timeZone": timezone or "UTC"}
    return {"frequency": "Week", "schedule": schedule}


def _parse_dimensions(text: str | None) -> list[dict[str, Any]]:
    found = []
    for part in re.split(r"\s+and\s+", text) if text else ():
        name, operator, *values = part.split()
        if operator not in ("==", "!=") or not values:
            raise CLIError(f"A condition's `where` reads like `deployment == blue`, not '{part}'.")
        operators = {"==": "Equals", "!=": "NotEquals"}
        found.append(
            {"dimensionName": name, "operator": operators[operator], "values": [v for v in values if v != "or"]}
        )
    return found


def _duration(span: str) -> str:
    match = _SPAN.fullmatch(span)
    if match is None or not any(match.groups()):
        raise CLIError(f"A time reads like 5m or 1h30m, not '{span}'.")
    hours, minutes, seconds = match.groups()
    return "PT" + "".join(f"{value}{unit}" for value, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if value)
