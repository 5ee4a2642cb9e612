"""Versions of registered models over MLflow's REST (`spec/mlflow.md` §3.1, §3.3, §3.5, §3.6)."""

from collections.abc import Mapping

from starlette.responses import JSONResponse

from teal.api.calls import InWorkspace, WorkspaceCall
from teal.api.mlflow import wire
from teal.api.mlflow.calls import artifact_root, read_limit, read_members, read_offset, read_orders
from teal.api.mlflow.model_files import read_flavors
from teal.api.mlflow.sources import find_source
from teal.api.wire.members import Members
from teal.control import model_versions as control
from teal.control.model_versions import NewVersion
from teal.domain.assets import AssetVersion
from teal.domain.errors import NotFound
from teal.domain.registry import parse_stage
from teal.domain.searches import parse_filter, parse_orders

PAGE = 10_000


async def create(call: InWorkspace) -> JSONResponse:
    """The files are there already; they are looked at, so that what cannot be deployed is refused here."""
    members = await read_members(call)
    name, source = wire.require_text(members, "name"), wire.require_text(members, "source")
    path, run_id = await find_source(call, source, members.text("run_id"))
    new = NewVersion(
        path=path,
        flavors=await read_flavors(call, await call.read(lambda tx: control.find_model_file(tx, path))),
        run_id=members.text("run_id") or run_id,
        run_link=members.text("run_link"),
        description=members.text("description"),
        tags=wire.parse_tags(members),
    )
    version = await call.write(lambda tx: control.create_version(tx, call.id, name, new, call.moment))
    return await _answer(call, version)


async def get(call: InWorkspace) -> JSONResponse:
    name, version = _parse_id(await read_members(call))
    return await _answer(call, await call.read(lambda tx: control.get_version(tx, call.id, name, version)))


async def search(call: InWorkspace) -> JSONResponse:
    members = await read_members(call)
    comparisons = parse_filter(members.text("filter"), attributes=wire.VERSION_FILTERS)
    orders = parse_orders(read_orders(call), keys=control.ORDER_KEYS)
    offset, limit = read_offset(members), read_limit(members, PAGE)
    found, following = await call.read(
        lambda tx: control.search_versions(tx, call.id, comparisons, orders, offset=offset, limit=limit)
    )
    names = sorted({version.name for version in found})
    aliases = await call.read(lambda tx: control.list_aliases(tx, call.id, names)) if names else {}
    root = artifact_root(call)
    none: Mapping[str, str] = {}
    page = {"next_page_token": str(following)} if following else {}
    return JSONResponse(
        {"model_versions": [wire.format_version(v, aliases.get(v.name, none), root) for v in found], **page}
    )


async def get_download_uri(call: InWorkspace) -> JSONResponse:
    name, version = _parse_id(await read_members(call))
    found = await call.read(lambda tx: control.get_version(tx, call.id, name, version))
    uri = wire.format_download_uri(found, artifact_root(call))
    if not uri:
        raise NotFound(f"The version {version} of the model '{name}' has no files.", target=name)
    return JSONResponse({"artifact_uri": uri})


async def update(call: InWorkspace) -> JSONResponse:
    members = await read_members(call)
    (name, version), description = _parse_id(members), members.text("description") or ""
    changed = await call.write(
        lambda tx: control.change_version(tx, call.id, name, version, call.moment, description=description)
    )
    return await _answer(call, changed)


async def delete(call: InWorkspace) -> JSONResponse:
    name, version = _parse_id(await read_members(call))
    await call.write(lambda tx: control.delete_version(tx, call.id, name, version, call.moment))
    return JSONResponse({})


async def set_tag(call: InWorkspace) -> JSONResponse:
    members = await read_members(call)
    name, version = _parse_id(members)
    tags = {wire.require_text(members, "key"): members.text("value") or ""}
    await call.write(lambda tx: control.change_version(tx, call.id, name, version, call.moment, tags=tags))
    return JSONResponse({})


async def delete_tag(call: InWorkspace) -> JSONResponse:
    members = await read_members(call)
    (name, version), key = _parse_id(members), wire.require_text(members, "key")
    await call.write(lambda tx: control.change_version(tx, call.id, name, version, call.moment, tags={key: None}))
    return JSONResponse({})


async def transition_stage(call: InWorkspace) -> JSONResponse:
    members = await read_members(call)
    (name, version), stage = _parse_id(members), parse_stage(wire.require_text(members, "stage"))
    archive = members.flag("archive_existing_versions", default=False)
    moved = await call.write(
        lambda tx: control.move_to_stage(tx, call.id, name, version, stage, call.moment, archive_others=archive)
    )
    return await _answer(call, moved)


# --- private


def _parse_id(members: Members) -> tuple[str, str]:
    return wire.require_text(members, "name"), wire.require_text(members, "version")


async def _answer(call: WorkspaceCall, version: AssetVersion) -> JSONResponse:
    aliases = await call.read(lambda tx: control.list_aliases(tx, call.id, [version.name]))
    body = wire.format_version(version, aliases.get(version.name, {}), artifact_root(call))
    return JSONResponse({"model_version": body})
