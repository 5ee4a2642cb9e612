"""Workspaces over REST (`spec/wire.md` §3.1), and the subscriptions they are in."""

from dataclasses import replace
from functools import partial
from typing import Any

from starlette.responses import JSONResponse, Response

from teal.api.calls import AnyCall, Call, InWorkspace
from teal.api.pages import answer_page
from teal.api.wire.members import Members
from teal.api.wire.patches import merge_patch
from teal.api.wire.resources import format_list, format_system_data, format_type
from teal.control import workspaces as control
from teal.domain.resource_ids import WorkspaceId
from teal.domain.workspaces import Workspace


async def get_workspace(call: InWorkspace) -> JSONResponse:
    return JSONResponse(_format(call, call.workspace))


async def put_workspace(call: AnyCall, subscription: str, group: str, workspace: str) -> JSONResponse:
    """Make it, or replace its tags and properties; a location is taken where one is said."""
    body = await call.json()
    _parse(body)
    id = WorkspaceId(subscription, group, workspace)
    done = await call.write(lambda tx: control.put_workspace(tx, id, partial(_apply, body), call.moment))
    return JSONResponse(_format(call, done.value), 201 if done.created else 200)


async def patch_workspace(call: InWorkspace) -> JSONResponse:
    """A merge patch of what people wrote."""
    patch = await call.json()

    def build(current: Workspace) -> Workspace:
        return _apply(merge_patch({"tags": current.tags, "properties": current.properties}, patch), current)

    done = await call.write(lambda tx: control.put_workspace(tx, call.id, build, call.moment))
    return JSONResponse(_format(call, done.value))


async def delete_workspace(call: AnyCall, subscription: str, group: str, workspace: str) -> Response:
    id = WorkspaceId(subscription, group, workspace)
    deleted = await call.write(lambda tx: control.delete_workspace(tx, id))
    return Response(status_code=200 if deleted else 204)


async def list_workspaces(call: AnyCall, subscription: str, group: str | None = None) -> JSONResponse:
    found = await call.read(control.list_workspaces)
    here = [
        workspace
        for workspace in found
        if workspace.id.subscription.lower() == subscription.lower()
        and (group is None or workspace.id.resource_group.lower() == group.lower())
    ]
    return JSONResponse(answer_page(call, here, partial(_format, call), key=lambda workspace: workspace.id.key))


async def list_subscriptions(call: AnyCall) -> JSONResponse:
    names = {w.id.subscription.lower(): w.id.subscription for w in await call.read(control.list_workspaces)}
    return JSONResponse(
        format_list(
            {"id": f"/subscriptions/{name}", "subscriptionId": name, "displayName": name, "state": "Enabled"}
            for name in sorted(names.values())
        )
    )


# --- private

_SAID_BY_SERVER = ("workspaceId", "provisioningState", "discoveryUrl", "mlFlowTrackingUri")


def _apply(body: dict[str, Any], current: Workspace) -> Workspace:
    location, tags, properties = _parse(body)
    return replace(current, location=location or current.location, tags=tags, properties=properties)


def _parse(body: dict[str, Any]) -> tuple[str | None, dict[str, str], dict[str, Any]]:
    top = Members(body)
    members = Members(top.mapping("properties") or {}, "properties")
    members.drop(*_SAID_BY_SERVER)
    known = {"friendlyName": members.text("friendlyName"), "description": members.text("description")}
    return (
        top.text("location"),
        top.texts("tags"),
        {**{k: v for k, v in known.items() if v is not None}, **members.rest()},
    )


def _format(call: Call, workspace: Workspace) -> dict[str, Any]:
    id = workspace.id
    return {
        "id": id.arm,
        "name": id.name,
        "type": format_type(),
        "location": workspace.location,
        "kind": "Default",
        "tags": dict(workspace.tags),
        "systemData": format_system_data(workspace.created_at, workspace.modified_at or workspace.created_at),
        "properties": {
            "friendlyName": id.name,
            **workspace.properties,
            "workspaceId": workspace.uuid,
            "provisioningState": "Succeeded",
            "discoveryUrl": f"{call.base_url}/discovery",
            "mlFlowTrackingUri": f"azureml://{call.host}/mlflow/v1.0{id.arm}",
        },
    }
