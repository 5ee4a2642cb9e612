"""Online deployments over REST (`spec/wire.md` §3.7)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.responses import JSONResponse, Response

from teal.api.calls import InWorkspace, WorkspaceCall, format_etag
from teal.api.operations import answer_change, answer_operation
from teal.api.wire import deployments as wire
from teal.api.wire.members import Members
from teal.api.wire.patches import merge_patch
from teal.api.wire.resources import format_list
from teal.control import deployments as control
from teal.control.deployments import DeploymentView
from teal.control.endpoints import require_endpoint
from teal.control.quotas import read_limits
from teal.domain.deployments import MAX_INSTANCES, DeploymentSpec, OnlineDeployment
from teal.domain.errors import InvalidInput, NotFound
from teal.domain.failures import Failure
from teal.domain.operations import Operation
from teal.domain.states import ProvisioningState
from teal.store.database import Transaction

DEFAULT_LOG_LINES = 5000
MAX_LOG_LINES = 100_000
LOG_CONTAINERS = {"inferenceserver": "inference-server", "storageinitializer": "storage-initializer"}


async def put_deployment(call: InWorkspace, endpoint: str, deployment: str) -> JSONResponse:
    wanted = wire.parse_deployment(await call.json())

    def build(current: OnlineDeployment | None) -> DeploymentSpec:
        call.check_preconditions(_etag(current))
        return wire.keep_autoscale(wanted, current.spec) if current else wanted

    curated, quota = call.services.curated, call.services.quota
    done = await call.write(
        lambda tx: control.put_deployment(
            tx, call.id, endpoint, deployment, build, call.moment, curated=curated, quota=quota
        )
    )
    body = await _format(call, done.value)
    return answer_change(
        call, done.operation, body, status=201 if done.created else 200, etag=_etag(done.value.deployment) or ""
    )


async def patch_deployment(call: InWorkspace, endpoint: str, deployment: str) -> JSONResponse:
    """A merge patch of what people wrote."""
    patch = await call.json()

    def build(current: OnlineDeployment | None) -> DeploymentSpec:
        call.check_preconditions(_etag(current))
        return wire.parse_deployment(merge_patch(wire.format_wanted(current.spec) if current else {}, patch))

    curated, quota = call.services.curated, call.services.quota
    done = await call.write(
        lambda tx: control.put_deployment(
            tx, call.id, endpoint, deployment, build, call.moment, must_exist=True, curated=curated, quota=quota
        )
    )
    body = await _format(call, done.value)
    return answer_change(
        call, done.operation, body, status=202 if done.operation else 200, etag=_etag(done.value.deployment) or ""
    )


async def get_deployment(call: InWorkspace, endpoint: str, deployment: str) -> JSONResponse:
    view = await call.read(lambda tx: control.get_deployment(tx, call.id, endpoint, deployment))
    return JSONResponse(await _format(call, view), headers={"ETag": _etag(view.deployment) or ""})


async def list_deployments(call: InWorkspace, endpoint: str) -> JSONResponse:
    views = await call.read(lambda tx: control.list_deployments(tx, call.id, endpoint))
    counted = await call.services.observe_requests(endpoint.lower()) if views else None
    return JSONResponse(format_list(_format_counted(call, view, counted) for view in views))


async def delete_deployment(call: InWorkspace, endpoint: str, deployment: str) -> Response:
    def delete(tx: Transaction) -> Operation | None:
        try:
            current = control.get_deployment(tx, call.id, endpoint, deployment).deployment
        except NotFound:
            return None
        call.check_preconditions(_etag(current))
        return control.delete_deployment(tx, call.id, endpoint, deployment, call.moment)

    return answer_operation(call, await call.write(delete))


async def get_logs(call: InWorkspace, endpoint: str, deployment: str) -> JSONResponse:
    """The last lines of every instance, and of those whose failure ended the last change, with the reason of it."""
    members = Members(await call.json())
    container, tail = _parse_container(members.text("containerType")), members.whole("tail", DEFAULT_LOG_LINES)
    if tail < 1:
        raise InvalidInput("tail must be at least 1.", target="tail")
    tail = min(tail, MAX_LOG_LINES)
    view = await call.read(lambda tx: control.get_deployment(tx, call.id, endpoint, deployment))
    texts: dict[str, str] = {}
    if view.state is ProvisioningState.FAILED and view.status.failure:
        left = view.status.failed_logs.get(container, "").splitlines(keepends=True)[-tail:]
        texts["failed"] = _end_with_reason("".join(left), view.status.failure)
    for instance in view.instances:
        texts[instance.instance_id] = await call.services.read_logs(instance.instance_id, container, tail)
    if len(texts) == 1:
        return JSONResponse({"content": next(iter(texts.values()))})
    return JSONResponse({"content": "".join(f"==> {id} <==\n{text.rstrip()}\n" for id, text in texts.items())})


async def list_skus(call: InWorkspace, endpoint: str, deployment: str) -> JSONResponse:
    await call.read(lambda tx: control.get_deployment(tx, call.id, endpoint, deployment))
    limits = await call.read(lambda tx: read_limits(tx, require_endpoint(tx, call.id, endpoint), call.services.quota))
    capacity = {"default": 1, "minimum": 1, "maximum": limits.instances or MAX_INSTANCES, "scaleType": "Manual"}
    return JSONResponse(format_list([{"sku": {"name": "Default"}, "capacity": capacity}]))


# --- private


def _etag(deployment: OnlineDeployment | None) -> str | None:
    return format_etag(deployment.generation, deployment.created_at) if deployment else None


async def _format(call: WorkspaceCall, view: DeploymentView) -> dict[str, Any]:
    return _format_counted(call, view, await call.services.observe_requests(view.deployment.endpoint))


def _end_with_reason(log: str, failure: Failure) -> str:
    """What was logged, and why it ended unless the log says so itself: who is killed cannot write that down."""
    if failure.code in log:
        return log
    evidence = replace(failure, log_tail=None) if log else failure
    separator = "" if not log or log.endswith("\n") else "\n"
    return f"{log}{separator}{failure.code}: {evidence.describe()}\n"


_NO_REQUESTS = {"live": 0, "mirrored": 0, "mirror_dropped": 0, "mirror_skipped": 0}
"""Of a deployment that the gateway has no counters for: it makes them with the first request."""


def _format_counted(
    call: WorkspaceCall, view: DeploymentView, counted: Mapping[str, Mapping[str, int]] | None
) -> dict[str, Any]:
    return wire.format_deployment(
        view, call.id, None if counted is None else counted.get(view.deployment.name, _NO_REQUESTS)
    )


def _parse_container(text: str | None) -> str:
    container = LOG_CONTAINERS.get((text or "InferenceServer").replace("-", "").lower())
    if container is None:
        raise InvalidInput("containerType must be 'InferenceServer' or 'StorageInitializer'.", target="containerType")
    return container
