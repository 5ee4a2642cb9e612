"""Workspaces over REST (`spec/wire.md` §3.1), and the subscriptions they are in."""

from typing import Any

from starlette.responses import JSONResponse

from teal.api.calls import AnyCall, Call, InWorkspace
from teal.api.wire.members import Members
from teal.api.wire.resources import format_list, format_system_data, format_type
from teal.control import workspaces as control
from teal.domain.resource_ids import WorkspaceId
from teal.domain.workspaces import Workspace


async def get_workspace(call: InWorkspace) -> JSONResponse:
    return JSONResponse(_format(call, call.workspace))


async def put_workspace(call: AnyCall, subscription: str, group: str, workspace: str) -> JSONResponse:
    """Make sure that it is there; a workspace has nothing to set."""
    Members(await call.json())
    id = WorkspaceId(subscription, group, workspace)
    known = await call.read(lambda tx: control.find_workspace(tx, id))
    found = await call.write(lambda tx: control.ensure_workspace(tx, id, call.moment, create=True))
    return JSONResponse(_format(call, found), 200 if known else 201)


async def list_workspaces(call: AnyCall, subscription: str, group: str | None = None) -> JSONResponse:
    found = await call.read(control.list_workspaces)
    return JSONResponse(
        format_list(
            _format(call, workspace)
            for workspace in found
            if workspace.id.subscription.lower() == subscription.lower()
            and (group is None or workspace.id.resource_group.lower() == group.lower())
        )
    )


async def list_subscriptions(call: AnyCall) -> JSONResponse:
    names = {w.id.subscription.lower(): w.id.subscription for w in await call.read(control.list_workspaces)}
    return JSONResponse(
        format_list(
            {"id": f"/subscriptions/{name}", "subscriptionId": name, "displayName": name, "state": "Enabled"}
            for name in sorted(names.values())
        )
    )


# --- private


def _format(call: Call, workspace: Workspace) -> dict[str, Any]:
    id = workspace.id
    return {
        "id": id.arm,
        "name": id.name,
        "type": format_type(),
        "location": workspace.location,
        "kind": "Default",
        "tags": {},
        "systemData": format_system_data(workspace.created_at, workspace.created_at),
        "properties": {
            "friendlyName": id.name,
            "workspaceId": workspace.uuid,
            "provisioningState": "Succeeded",
            "discoveryUrl": f"{call.base_url}/discovery",
            "mlFlowTrackingUri": f"azureml://{call.host}/mlflow/v1.0{id.arm}",
        },
    }
