"""Long-running operations on the wire: the headers that announce one, and reading it (`spec/wire.md` §2.1)."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from starlette.responses import JSONResponse, Response

from teal.api.calls import AnyCall, Call
from teal.api.wire.resources import add_operation, format_failure, format_time
from teal.control import operations as control
from teal.domain.operations import Operation
from teal.domain.resource_ids import PROVIDER

API_VERSION = "2022-05-01"
MAX_WAIT_S = 10.0
UNASKED_WAIT_S = 0.5
"""Stock clients look at once and then sleep for a second, and most changes are done in some milliseconds."""

LOCATION = f"/subscriptions/{{subscription}}/providers/{PROVIDER}/locations/{{location}}"


def build_operation_headers(call: Call, operation: Operation) -> dict[str, str]:
    """What tells a client where to look, and how often."""
    base = call.base_url + LOCATION.format(
        subscription=quote(operation.workspace.subscription, safe=""), location="local"
    )
    return {
        "Azure-AsyncOperation": f"{base}/mfeOperationsStatus/{operation.id}?api-version={API_VERSION}",
        "Location": f"{base}/mfeOperationResults/{operation.id}?api-version={API_VERSION}",
        "Retry-After": "1",
        "x-ms-async-operation-timeout": "PT4H",
    }


def answer_change(
    call: Call, operation: Operation | None, body: Mapping[str, Any], *, status: int, etag: str
) -> JSONResponse:
    """The answer to an accepted PUT or PATCH: the object as it is wanted now, and the operation that makes it so."""
    headers = {"ETag": etag}
    if operation:
        headers |= build_operation_headers(call, operation)
        body = add_operation(body, headers["Azure-AsyncOperation"])
    return JSONResponse(body, status, headers)


def answer_operation(call: Call, operation: Operation | None) -> Response:
    """The answer to an accepted DELETE or POST; 204 when there was nothing to do."""
    return (
        Response(status_code=202, headers=build_operation_headers(call, operation))
        if operation
        else Response(status_code=204)
    )


async def get_status(call: AnyCall, operation: str) -> JSONResponse:
    """The state of an operation. The answer comes when it is over, or when the seconds of `Prefer: wait=<seconds>`
    (RFC 7240) have passed, or without it half a second."""
    wait_s = _parse_wait(call.request.headers.get("prefer", ""))
    found = await _wait(call, operation, wait_s or UNASKED_WAIT_S)
    headers: dict[str, str] = {}
    if not found.status.is_final:
        # A client that waits here may ask again at once.
        headers = {"retry-after-ms": "10", "Preference-Applied": f"wait={wait_s:g}"} if wait_s else {"Retry-After": "1"}
    return JSONResponse(_format_status(call.request.url.path, found), headers=headers)


async def get_result(call: AnyCall, operation: str) -> Response:
    """204 once it has succeeded; what came of it is read from the object itself."""
    found = await call.read(lambda tx: control.get_operation(tx, operation))
    if not found.status.is_final:
        return Response(status_code=202, headers=build_operation_headers(call, found))
    if found.failure:
        return JSONResponse({"error": {**format_failure(found.failure), "target": None, "details": []}}, 409)
    return Response(status_code=204)


# --- private

_WAIT = re.compile(r"(?:^|[,;\s])wait=\"?(\d{1,4})\"?", re.IGNORECASE)


def _parse_wait(header: str) -> float:
    match = _WAIT.search(header)
    return min(float(match[1]), MAX_WAIT_S) if match else 0.0


async def _wait(call: Call, id: str, wait_s: float) -> Operation:
    with call.services.store.hear_end(id) as ended:
        found = await call.read(lambda tx: control.get_operation(tx, id))
        if found.status.is_final:
            return found
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), wait_s)
        return await call.read(lambda tx: control.get_operation(tx, id))


def _format_status(path: str, operation: Operation) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": path,
        "name": operation.id,
        "status": str(operation.status),
        "startTime": format_time(operation.started_at),
        "percentComplete": 100 if operation.status.is_final else 50,
    }
    if operation.ended_at is not None:
        body["endTime"] = format_time(operation.ended_at)
    if operation.failure:
        body["error"] = format_failure(operation.failure)
    return body
