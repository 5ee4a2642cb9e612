"""Checks of deployments over REST: Teal's own resource, in the form of Azure's (docs/rest.md)."""

import re

from starlette.responses import JSONResponse, Response

from teal.api.calls import InWorkspace
from teal.api.wire import checks as wire
from teal.control.deployments import resolve_deployment
from teal.domain.checks import Check
from teal.domain.errors import InvalidInput, NotFound


async def put_check(call: InWorkspace, check: str) -> JSONResponse:
    """Begin one, under a name that the caller makes up."""
    if not _NAME.fullmatch(check):
        raise InvalidInput("The name of a check is 1 to 64 letters, digits and dashes.", target="check")
    asked = wire.parse_check(await call.json())
    services = call.services
    spec = await call.read(lambda tx: resolve_deployment(tx, call.id, asked.spec, services.curated))
    begun = services.checks.begin(call.id, check, asked.deployment, spec, asked.request)
    return JSONResponse(wire.format_check(begun), 201)


async def get_check(call: InWorkspace, check: str) -> JSONResponse:
    return JSONResponse(wire.format_check(_require(call, check)))


async def delete_check(call: InWorkspace, check: str) -> Response:
    """End it; answered when nothing of it runs any more."""
    await call.services.checks.cancel(call.id, check)
    return Response(status_code=204)


# --- private

_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")


def _require(call: InWorkspace, id: str) -> Check:
    found = call.services.checks.find(call.id, id)
    if found is None:
        raise NotFound(f"There is no check '{id}', or it ended long ago.", target=id)
    return found
