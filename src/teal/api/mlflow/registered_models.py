"""Registered models over MLflow's REST (`spec/mlflow.md` §3.2, §3.5)."""

from starlette.responses import JSONResponse

from teal.api.calls import InWorkspace
from teal.api.mlflow import wire
from teal.api.mlflow.calls import artifact_root, read_limit, read_members, read_orders
from teal.control import model_versions as versions_control
from teal.control import registered_models as control
from teal.domain.registry import parse_stage
from teal.domain.searches import parse_filter, parse_orders

PAGE = 100


async def create(call: InWorkspace) -> JSONResponse:
    members = await read_members(call)
    name, description, tags = wire.require_text(members, "name"), members.text("description"), wire.parse_tags(members)
    model = await call.write(
        lambda tx: control.create_model(tx, call.id, name, description=description, tags=tags, moment=call.moment)
    )
    return JSONResponse({"registered_model": wire.format_model(model, artifact_root(call))})


async def get(call: InWorkspace) -> JSONResponse:
    name = wire.require_text(await read_members(call), "name")
    model = await call.read(lambda tx: control.get_model(tx, call.id, name))
    return JSONResponse({"registered_model": wire.format_model(model, artifact_root(call))})


async def search(call: InWorkspace) -> JSONResponse:
    members = await read_members(call)
    comparisons = parse_filter(members.text("filter"), attributes=wire.MODEL_FILTERS)
    orders = parse_orders(read_orders(call), keys=control.ORDER_KEYS)
    after, limit = members.text("page_token") or None, read_limit(members, PAGE)
    found, following = await call.read(
        lambda tx: control.search_models(tx, call.id, comparisons, orders, after=after, limit=limit)
    )
    root = artifact_root(call)
    page = {"next_page_token": following} if following else {}
    return JSONResponse({"registered_models": [wire.format_model(model, root) for model in found], **page})


async def update(call: InWorkspace) -> JSONResponse:
    members = await read_members(call)
    name, description = wire.require_text(members, "name"), members.text("description") or ""
    model = await call.write(lambda tx: control.change_model(tx, call.id, name, call.moment, description=description))
    return JSONResponse({"registered_model": wire.format_model(model, artifact_root(call))})


async def rename(call: InWorkspace) -> JSONResponse:
    members = await read_members(call)
    name, new = wire.require_text(members, "name"), wire.require_text(members, "new_name")
    model = await call.write(lambda tx: control.rename_model(tx, call.id, name, new, call.moment))
    return JSONResponse({"registered_model": wire.format_model(model, artifact_root(call))})


async def delete(call: InWorkspace) -> JSONResponse:
    name = wire.require_text(await read_members(call), "name")
    await call.write(lambda tx: control.delete_model(tx, call.id, name))
    return JSONResponse({})


async def get_latest_versions(call: InWorkspace) -> JSONResponse:
    members = await read_members(call)
    name = wire.require_text(members, "name")
    listed = call.request.query_params.getlist("stages") or [str(each) for each in members.array("stages")]
    stages = [parse_stage(text) for text in listed]
    found = await call.read(lambda tx: versions_control.list_latest_versions(tx, call.id, name, stages))
    aliases = await call.read(lambda tx: versions_control.list_aliases(tx, call.id, [name]))
    root = artifact_root(call)
    return JSONResponse(
        {"model_versions": [wire.format_version(version, aliases.get(name, {}), root) for version in found]}
    )


async def set_tag(call: InWorkspace) -> JSONResponse:
    members = await read_members(call)
    name, tags = wire.require_text(members, "name"), {wire.require_text(members, "key"): members.text("value") or ""}
    await call.write(lambda tx: control.change_model(tx, call.id, name, call.moment, tags=tags))
    return JSONResponse({})


async def delete_tag(call: InWorkspace) -> JSONResponse:
    members = await read_members(call)
    name, key = wire.require_text(members, "name"), wire.require_text(members, "key")
    await call.write(lambda tx: control.change_model(tx, call.id, name, call.moment, tags={key: None}))
    return JSONResponse({})


async def set_alias(call: InWorkspace) -> JSONResponse:
    members = await read_members(call)
    name, alias, version = (wire.require_text(members, key) for key in ("name", "alias", "version"))
    await call.write(lambda tx: control.set_alias(tx, call.id, name, alias, version, call.moment))
    return JSONResponse({})


async def delete_alias(call: InWorkspace) -> JSONResponse:
    members = await read_members(call)
    name, alias = wire.require_text(members, "name"), wire.require_text(members, "alias")
    await call.write(lambda tx: control.delete_alias(tx, call.id, name, alias, call.moment))
    return JSONResponse({})


async def get_by_alias(call: InWorkspace) -> JSONResponse:
    members = await read_members(call)
    name, alias = wire.require_text(members, "name"), wire.require_text(members, "alias")
    version = await call.read(lambda tx: versions_control.get_by_alias(tx, call.id, name, alias))
    aliases = await call.read(lambda tx: versions_control.list_aliases(tx, call.id, [name]))
    return JSONResponse({"model_version": wire.format_version(version, aliases.get(name, {}), artifact_root(call))})
