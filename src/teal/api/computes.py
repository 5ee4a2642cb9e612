"""Computes over REST (`spec/wire.md` §3.8): managed endpoints need none, and this server has no other kind."""

from starlette.responses import JSONResponse

from teal.api.calls import InWorkspace
from teal.api.wire.resources import format_list
from teal.domain.errors import NotFound


async def list_computes(call: InWorkspace) -> JSONResponse:
    return JSONResponse(format_list([]))


async def get_compute(call: InWorkspace, compute: str) -> JSONResponse:
    raise NotFound(
        f"The compute '{compute}' does not exist in the workspace '{call.id.name}'.",
        target=compute,
        hint="Managed online endpoints need none.",
    )
