"""Experiment tracking over MLflow's REST, passed on to MLflow's own server where there is one (`spec/mlflow.md` §7).

Only what is about runs and what they log is passed on; models are this server's own.
"""

import re

from starlette.responses import Response

from teal.api.calls import InWorkspace, WorkspaceCall
from teal.api.mlflow.calls import artifact_root
from teal.api.mlflow.errors import build_no_route
from teal.api.mlflow.tracker import TrackingRequest
from teal.domain.artifacts import ARTIFACTS, fold_run_addresses, unfold_run_addresses

ALLOWED = ("experiments", "runs", "metrics", "logged-models", "traces", "datasets", "assessments")
"""The first word behind /api/2.0/mlflow/ or /api/3.0/mlflow/. What else MLflow's server has (users, webhooks, gateway,
jobs, its pages) stays behind it."""

MAX_BODY_BYTES = 64 * 1024 * 1024
PASSED_ON = ("accept", "content-type", "x-mlflow-client-version")


async def pass_on(call: InWorkspace, rest: str) -> Response:
    """`rest` is the path behind /api/."""
    path = _rewrite(rest)
    tracker = call.services.tracking
    if tracker is None or path is None:
        return build_no_route(call.request.url.path, installed=tracker is not None)
    headers = call.request.headers
    request = TrackingRequest(
        method=call.request.method,
        path=f"/api/{path}",
        query=call.request.url.query,
        headers={name: headers[name] for name in PASSED_ON if name in headers},
        body=_to_kept(call, await call.body(MAX_BODY_BYTES)),
    )
    answer = await tracker.send(call.id, request)
    return Response(_to_callers(call, answer.body), answer.status, media_type=answer.content_type)


# --- private

_PATH = re.compile(r"[23]\.0/mlflow/(?P<group>[a-z-]+)(?:/.*)?")
_ASYNCHRONOUS = "2.0/preview/mlflow/runs/log-batch-async"
_TEAL_ROOT = re.compile(rb"teal://[^/\"\s]+/mlflow/v[12]\.0/[^\"\s]*?/artifacts/")


def _rewrite(path: str) -> str | None:
    """The path of MLflow's own server; None where nothing is passed on."""
    if path == _ASYNCHRONOUS:
        # An answer without batch_tracking_id tells the client that it was done at once.
        return "2.0/mlflow/runs/log-batch"
    match = _PATH.fullmatch(path)
    return path if match and match["group"] in ALLOWED and ".." not in path.split("/") else None


def _to_kept(call: WorkspaceCall, body: bytes) -> bytes:
    """Artifact addresses as they are kept, whichever client wrote them."""
    return unfold_run_addresses(call.id, _TEAL_ROOT.sub(f"{ARTIFACTS}/".encode(), body))


def _to_callers(call: WorkspaceCall, body: bytes) -> bytes:
    """Artifact addresses of the kind that the caller can open."""
    root = artifact_root(call)
    if root == ARTIFACTS:
        return fold_run_addresses(body)
    return body.replace(f"{ARTIFACTS}/".encode(), f"{root}/".encode())
