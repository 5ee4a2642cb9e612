"""Checks of deployments: JSON <-> domain values. Pure; called by api/checks.py."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from teal.api.wire.deployments import parse_deployment
from teal.api.wire.members import Members
from teal.api.wire.resources import format_failure, format_phases, format_time, format_type
from teal.domain.checks import Check, SampleRequest
from teal.domain.deployments import DeploymentSpec
from teal.domain.errors import InvalidInput
from teal.domain.names import parse_name


@dataclass(frozen=True, slots=True)
class AskedCheck:
    """What a PUT asks for."""

    deployment: str
    spec: DeploymentSpec
    request: SampleRequest | None


def parse_check(body: object) -> AskedCheck:
    """`properties`: `deploymentName`, `deployment` (what a PUT of it would have), `request` with a body in base64."""
    members = Members(body).nested("properties")
    return AskedCheck(
        parse_name("deployment", members.text("deploymentName") or "checked"),
        parse_deployment(members.mapping("deployment") or {}),
        _parse_request(members.nested("request")),
    )


def format_check(check: Check) -> dict[str, Any]:
    """The check as it is now."""
    said: dict[str, Any] = {
        "state": str(check.state),
        "deploymentName": check.deployment,
        "doing": check.doing,
        "phases": format_phases(check.phases),
        "notes": list(check.notes),
        "startedAt": format_time(check.started_at),
        "log": check.log,
    }
    if check.ended_at is not None:
        said["endedAt"] = format_time(check.ended_at)
    if check.answer is not None:
        said["answer"] = {"status": check.answer.status, "body": check.answer.body}
    if check.failure is not None:
        said["error"] = format_failure(check.failure)
    return {
        "id": f"{check.workspace.arm}/deploymentChecks/{check.id}",
        "name": check.id,
        "type": format_type("deploymentChecks"),
        "properties": said,
    }


# --- private


def _parse_request(members: Members) -> SampleRequest | None:
    body = members.text("body")
    if body is None:
        return None
    try:
        content = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("properties.request.body must be base64.", target="properties.request.body") from None
    content_type = members.text("contentType") or "application/json"
    if not content_type.isascii() or not content_type.isprintable():
        raise InvalidInput("contentType must be a media type.", target="properties.request.contentType")
    return SampleRequest(content, content_type)
