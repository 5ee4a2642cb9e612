"""Online endpoints over REST (`spec/wire.md` §3.6)."""

from starlette.responses import JSONResponse, Response

from teal.api.calls import InWorkspace, format_etag
from teal.api.operations import answer_change, answer_operation
from teal.api.pages import answer_page
from teal.api.wire import endpoints as wire
from teal.api.wire.members import Members
from teal.api.wire.patches import merge_patch
from teal.control import endpoints as control
from teal.control.endpoints import KeyType
from teal.domain.endpoints import EndpointSpec, OnlineEndpoint
from teal.domain.errors import InvalidInput, NotFound
from teal.domain.operations import Operation
from teal.store.database import Transaction


async def put_endpoint(call: InWorkspace, endpoint: str) -> JSONResponse:
    wanted = wire.parse_endpoint(await call.json())

    def build(current: OnlineEndpoint | None) -> EndpointSpec:
        call.check_preconditions(_etag(current))
        return wanted

    done = await call.write(
        lambda tx: control.put_endpoint(tx, call.id, endpoint, build, call.moment, quota=call.services.quota)
    )
    body = wire.format_endpoint(done.value, call.gateway_url)
    return answer_change(
        call, done.operation, body, status=201 if done.created else 200, etag=_etag(done.value.endpoint) or ""
    )


async def patch_endpoint(call: InWorkspace, endpoint: str) -> JSONResponse:
    """A merge patch of what people wrote; maps of traffic are replaced whole."""
    patch = await call.json()

    def build(current: OnlineEndpoint | None) -> EndpointSpec:
        call.check_preconditions(_etag(current))
        return wire.parse_endpoint(merge_patch(wire.format_wanted(current.spec) if current else {}, patch))

    done = await call.write(lambda tx: control.put_endpoint(tx, call.id, endpoint, build, call.moment, must_exist=True))
    body = wire.format_endpoint(done.value, call.gateway_url)
    return answer_change(
        call, done.operation, body, status=202 if done.operation else 200, etag=_etag(done.value.endpoint) or ""
    )


async def get_endpoint(call: InWorkspace, endpoint: str) -> JSONResponse:
    view = await call.read(lambda tx: control.get_endpoint(tx, call.id, endpoint))
    return JSONResponse(wire.format_endpoint(view, call.gateway_url), headers={"ETag": _etag(view.endpoint) or ""})


async def list_endpoints(call: InWorkspace) -> JSONResponse:
    views = await call.read(lambda tx: control.list_endpoints(tx, call.id))
    gateway_url = call.gateway_url
    return JSONResponse(
        answer_page(
            call, views, lambda view: wire.format_endpoint(view, gateway_url), key=lambda view: view.endpoint.name
        )
    )


async def delete_endpoint(call: InWorkspace, endpoint: str) -> Response:
    def delete(tx: Transaction) -> Operation | None:
        try:
            current = control.get_endpoint(tx, call.id, endpoint).endpoint
        except NotFound:
            return None
        call.check_preconditions(_etag(current))
        return control.delete_endpoint(tx, call.id, endpoint, call.moment)

    return answer_operation(call, await call.write(delete))


async def list_keys(call: InWorkspace, endpoint: str) -> JSONResponse:
    keys = await call.read(lambda tx: control.list_keys(tx, call.id, endpoint))
    return JSONResponse(wire.format_keys(keys))


async def regenerate_keys(call: InWorkspace, endpoint: str) -> Response:
    members = Members(await call.json())
    key_type, key_value = _parse_key_type(members.text("keyType")), members.text("keyValue")
    operation = await call.write(
        lambda tx: control.regenerate_key(tx, call.id, endpoint, key_type, key_value, call.moment)
    )
    return answer_operation(call, operation)


async def get_token(call: InWorkspace, endpoint: str) -> JSONResponse:
    """A token for an `aml_token` endpoint (`spec/wire.md` §3.6 (28)): nothing of it is kept. With `aad_token` it is the
    caller's own, which came with the request."""
    claims = await call.read(lambda tx: control.make_token(tx, call.id, endpoint, call.moment))
    token = call.services.sign_token(claims) if claims.audience else call.services.token
    return JSONResponse(wire.format_token(token, claims))


# --- private


def _etag(endpoint: OnlineEndpoint | None) -> str | None:
    return format_etag(endpoint.generation, endpoint.created_at) if endpoint else None


def _parse_key_type(text: str | None) -> KeyType:
    for kind in KeyType:
        if kind.lower() == (text or "").lower():
            return kind
    raise InvalidInput("keyType must be 'Primary' or 'Secondary'.", target="keyType")
