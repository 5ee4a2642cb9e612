"""Checks of deployments: what is sent, and what comes back (docs/rest.md). Used by sdk/operations/deployments.py."""

import base64
import mimetypes
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teal.sdk.entities.checks import CheckStep, DeploymentCheck
from teal.sdk.entities.deployments import OnlineDeployment
from teal.sdk.errors import ValidationError
from teal.sdk.wire.deployments import build_deployment
from teal.sdk.wire.fields import as_map, without_none

#: With its base64 and the deployment around it, what a JSON body of the server may hold.
MAX_REQUEST_BYTES = 2 * 1024 * 1024


def load_request(file: str | os.PathLike[str]) -> dict[str, str]:
    """The sample request in a file, with the type that the file's name says."""
    path = Path(file).expanduser()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValidationError(f"The request file {path} cannot be read: {error.strerror}.") from error
    if len(content) > MAX_REQUEST_BYTES:
        raise ValidationError(
            f"The request file {path} has {len(content)} bytes; a check takes at most {MAX_REQUEST_BYTES}.",
            hint="A smaller sample does as well.",
        )
    kind = mimetypes.guess_type(path.name)[0] or "application/json"
    return {"body": base64.b64encode(content).decode(), "contentType": kind}


def build_check(deployment: OnlineDeployment, *, location: str, request: Mapping[str, str] | None) -> dict[str, Any]:
    """The body of a PUT. Model, environment and code must be ids by now."""
    return {
        "properties": without_none(
            deploymentName=deployment.name,
            deployment=build_deployment(deployment, location=location),
            request=request,
        )
    }


def parse_check(resource: Mapping[str, Any]) -> DeploymentCheck:
    """The check in an answer."""
    properties = as_map(resource.get("properties"))
    answer, error = as_map(properties.get("answer")), as_map(properties.get("error"))
    return DeploymentCheck(
        state=str(properties.get("state")),
        doing=str(properties.get("doing") or ""),
        steps=[
            CheckStep(name=str(each.get("name")), seconds=each.get("seconds"))
            for each in properties.get("phases") or ()
        ],
        notes=[str(note) for note in properties.get("notes") or ()],
        answer_status=answer.get("status"),
        answer=answer.get("body"),
        error_code=error.get("code"),
        error=error.get("message"),
        log=str(properties.get("log") or ""),
    )
