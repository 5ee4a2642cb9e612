"""Models, environments and codes over REST: the same verbs for each (`spec/wire.md` §3.3-3.5)."""

from starlette.responses import JSONResponse, Response

from teal.api.calls import InWorkspace, WorkspaceCall
from teal.api.mlflow.model_files import read_flavors
from teal.api.pages import answer_page, format_descending
from teal.api.wire import assets as wire
from teal.control import assets as control
from teal.control import model_versions, registered_models
from teal.control.curated import find_curated
from teal.domain.errors import InvalidInput, NotFound
from teal.domain.registry import name_stage
from teal.domain.resource_ids import AssetKind
from teal.store.database import Transaction


async def put_version(kind: AssetKind, call: InWorkspace, name: str, version: str) -> JSONResponse:
    body = wire.parse_version(kind, await call.json())
    if kind is AssetKind.MODEL:
        file = await call.read(lambda tx: control.find_model_file(tx, call.id, name, version, body))
        if file is not None:
            await read_flavors(call, file)
    done = await call.write(lambda tx: control.put_version(tx, call.id, kind, name, version, body, call.moment))
    return JSONResponse(wire.format_version(done.value), 201 if done.created else 200)


async def get_version(kind: AssetKind, call: InWorkspace, name: str, version: str) -> JSONResponse:
    try:
        asset = await call.read(lambda tx: control.get_version(tx, call.id, kind, name, version))
    except NotFound:
        known = find_curated(call.services.curated, call.id, kind, name, version)
        if known is None:
            raise
        asset = known
    return JSONResponse(wire.format_version(asset))


async def list_versions(kind: AssetKind, call: InWorkspace, name: str) -> JSONResponse:
    """Newest created first, whatever `$orderBy` says: clients ask for `createdtime desc` only."""
    archived, stage = _parse_view(call), call.request.query_params.get("stage", "").lower()
    found = await call.read(lambda tx: control.list_versions(tx, call.id, kind, name, archived=archived))
    if stage and kind is AssetKind.MODEL:
        found = [asset for asset in found if name_stage(asset).lower() == stage]
    if not found and (known := find_curated(call.services.curated, call.id, kind, name)):
        found = [known]
    return JSONResponse(answer_page(call, found, wire.format_version, key=lambda asset: format_descending(asset.seq)))


async def delete_model_version(call: InWorkspace, name: str, version: str) -> Response:
    """As MLflow's clients delete it; what is not there is gone already."""

    def delete(tx: Transaction) -> bool:
        try:
            model_versions.delete_version(tx, call.id, name, version, call.moment)
        except NotFound:
            return False
        return True

    return Response(status_code=200 if await call.write(delete) else 204)


async def delete_model(call: InWorkspace, name: str) -> Response:
    """With all versions."""

    def delete(tx: Transaction) -> bool:
        try:
            registered_models.delete_model(tx, call.id, name)
        except NotFound:
            return False
        return True

    return Response(status_code=200 if await call.write(delete) else 204)


async def get_container(kind: AssetKind, call: InWorkspace, name: str) -> JSONResponse:
    container = await call.read(lambda tx: control.get_container(tx, call.id, kind, name))
    return JSONResponse(wire.format_container(container))


async def put_container(kind: AssetKind, call: InWorkspace, name: str) -> JSONResponse:
    body = wire.parse_container(await call.json())
    container = await call.write(lambda tx: control.put_container(tx, call.id, kind, name, body))
    return JSONResponse(wire.format_container(container))


async def list_containers(kind: AssetKind, call: InWorkspace) -> JSONResponse:
    archived = _parse_view(call)
    found = await call.read(lambda tx: control.list_containers(tx, call.id, kind, archived=archived))
    return JSONResponse(answer_page(call, found, wire.format_container, key=lambda container: container.name))


# --- private

_VIEWS = {"activeonly": False, "archivedonly": True, "all": None}


def _parse_view(call: WorkspaceCall) -> bool | None:
    text = call.request.query_params.get("listViewType", "ActiveOnly")
    if text.lower() not in _VIEWS:
        raise InvalidInput(
            f"listViewType must be ActiveOnly, ArchivedOnly or All, not '{text}'.", target="listViewType"
        )
    return _VIEWS[text.lower()]
