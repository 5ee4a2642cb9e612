"""What every ARM resource has in common: times, systemData, conditions, the text of a failure. Pure; called by api."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from teal.domain.conditions import Condition
from teal.domain.failures import Failure
from teal.domain.phases import Phase
from teal.domain.resource_ids import PROVIDER

WRITTEN_BY = {"createdBy": "teal", "createdByType": "User", "lastModifiedBy": "teal", "lastModifiedByType": "User"}

SAID_AT_TOP = ("id", "name", "type", "kind", "systemData", "etag")
"""What the server says of every resource, and clients send back; all else beside `properties` is kept."""

OPERATION_PROPERTY = "AzureAsyncOperationUri"
SAID_IN_PROPERTIES = ("createdBy", "createdAt", "lastModifiedAt", OPERATION_PROPERTY)
"""Entries of `properties.properties` that clients send back after they read them (`spec/wire.md` §3.6)."""


def add_operation(body: Mapping[str, Any], address: str) -> dict[str, Any]:
    """The resource in the answer to a change, with the address of its operation beside people's own properties."""
    properties = body["properties"]
    more = {**properties["properties"], OPERATION_PROPERTY: address}
    return {**body, "properties": {**properties, "properties": more}}


def format_time(epoch_s: float) -> str:
    """ISO 8601 UTC as on the wire: `2026-11-20T05:59:31.526113Z`."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def format_system_data(created_at: float, modified_at: float) -> dict[str, str]:
    return {"createdAt": format_time(created_at), "lastModifiedAt": format_time(modified_at), **WRITTEN_BY}


def format_type(*kinds: str) -> str:
    """The `type` member: `Microsoft.MachineLearningServices/workspaces/onlineEndpoints`."""
    return "/".join((PROVIDER, "workspaces", *kinds))


def format_conditions(conditions: Iterable[Condition]) -> list[dict[str, Any]]:
    return [
        {
            "type": str(condition.type),
            "status": condition.status,
            "reason": condition.reason,
            "message": condition.message,
            "since": format_time(condition.since),
        }
        for condition in conditions
    ]


def format_phases(phases: Iterable[Phase]) -> list[dict[str, Any]]:
    """The steps of a start; the one that goes on has no `seconds` yet."""
    return [
        {
            "name": phase.name,
            "startedAt": format_time(phase.started_at),
            **({} if phase.ended_at is None else {"seconds": round(phase.ended_at - phase.started_at, 3)}),
        }
        for phase in phases
    ]


def format_failure(failure: Failure) -> dict[str, str]:
    """The whole story in `message`, because clients show nothing else (`spec/wire.md` §2.1)."""
    return {"code": failure.code, "message": failure.describe()}


def format_list(values: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A list, or a page of one: no `nextLink` (`spec/wire.md` §2)."""
    return {"value": list(values)}
