"""The REST surface on one screen: every route, every middleware, every error handler. Constructed by teal.server."""

from collections.abc import Callable, Coroutine, Sequence
from functools import cache, partial
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import BaseRoute

from teal.api import (
    assets,
    blobs,
    checks,
    codes,
    computes,
    datastores,
    deployments,
    endpoints,
    identity,
    metadata,
    openapi,
    operations,
    workspaces,
)
from teal.api.authentication import Authenticate
from teal.api.calls import Services
from teal.api.errors import build_error_response, build_http_error_response
from teal.api.mlflow import routes as mlflow
from teal.api.paths import NormalizePaths
from teal.api.requests import TraceRequests
from teal.domain.blobs import BLOB_ROOT
from teal.domain.errors import TealError
from teal.domain.resource_ids import PROVIDER, AssetKind

Handler = Callable[..., Coroutine[Any, Any, Response]]

IN_SUBSCRIPTION = "/subscriptions/{subscription}"
IN_GROUP = IN_SUBSCRIPTION + "/resourceGroups/{group}"
WORKSPACES = f"/providers/{PROVIDER}/workspaces"
WORKSPACE = IN_GROUP + WORKSPACES + "/{workspace}"
DATASTORE = WORKSPACE + "/datastores/{datastore}"
ENDPOINTS = WORKSPACE + "/onlineEndpoints"
ENDPOINT = ENDPOINTS + "/{endpoint}"
DEPLOYMENTS = ENDPOINT + "/deployments"
DEPLOYMENT = DEPLOYMENTS + "/{deployment}"
CHECK = WORKSPACE + "/deploymentChecks/{check}"
CODE_VERSIONS = WORKSPACE + "/codes/{name}/versions"

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/metadata/endpoints", metadata.get_metadata),
    ("GET", "/openapi.json", openapi.get_document),
    ("GET", "/msi/token", identity.get_token),
    ("GET", "/subscriptions", workspaces.list_subscriptions),
    ("GET", IN_SUBSCRIPTION + WORKSPACES, workspaces.list_workspaces),
    ("GET", IN_GROUP + WORKSPACES, workspaces.list_workspaces),
    ("GET", WORKSPACE, workspaces.get_workspace),
    ("PUT", WORKSPACE, workspaces.put_workspace),
    ("PATCH", WORKSPACE, workspaces.patch_workspace),
    ("DELETE", WORKSPACE, workspaces.delete_workspace),
    ("GET", WORKSPACE + "/computes", computes.list_computes),
    ("GET", WORKSPACE + "/computes/{compute}", computes.get_compute),
    ("GET", CHECK, checks.get_check),
    ("PUT", CHECK, checks.put_check),
    ("DELETE", CHECK, checks.delete_check),
    ("GET", WORKSPACE + "/datastores", datastores.list_datastores),
    ("GET", DATASTORE, datastores.get_datastore),
    ("POST", DATASTORE + "/listSecrets", datastores.list_secrets),
    ("GET", CODE_VERSIONS, codes.find_or_list),
    ("POST", CODE_VERSIONS + "/{version}/startPendingUpload", codes.start_pending_upload),
    *(
        (method, f"{WORKSPACE}/{kind}{path}", partial(handler, kind))
        for kind in AssetKind
        for method, path, handler in (
            ("GET", "", assets.list_containers),
            ("GET", "/{name}", assets.get_container),
            ("PUT", "/{name}", assets.put_container),
            ("GET", "/{name}/versions", assets.list_versions),
            ("GET", "/{name}/versions/{version}", assets.get_version),
            ("PUT", "/{name}/versions/{version}", assets.put_version),
        )
    ),
    ("DELETE", WORKSPACE + "/models/{name}", assets.delete_model),
    ("DELETE", WORKSPACE + "/models/{name}/versions/{version}", assets.delete_model_version),
    ("GET", ENDPOINTS, endpoints.list_endpoints),
    ("GET", ENDPOINT, endpoints.get_endpoint),
    ("PUT", ENDPOINT, endpoints.put_endpoint),
    ("PATCH", ENDPOINT, endpoints.patch_endpoint),
    ("DELETE", ENDPOINT, endpoints.delete_endpoint),
    ("POST", ENDPOINT + "/listKeys", endpoints.list_keys),
    ("POST", ENDPOINT + "/regenerateKeys", endpoints.regenerate_keys),
    ("POST", ENDPOINT + "/token", endpoints.get_token),
    ("GET", DEPLOYMENTS, deployments.list_deployments),
    ("GET", DEPLOYMENT, deployments.get_deployment),
    ("PUT", DEPLOYMENT, deployments.put_deployment),
    ("PATCH", DEPLOYMENT, deployments.patch_deployment),
    ("DELETE", DEPLOYMENT, deployments.delete_deployment),
    ("POST", DEPLOYMENT + "/getLogs", deployments.get_logs),
    ("GET", DEPLOYMENT + "/skus", deployments.list_skus),
    ("GET", operations.LOCATION + "/mfeOperationsStatus/{operation}", operations.get_status),
    ("GET", operations.LOCATION + "/mfeOperationResults/{operation}", operations.get_result),
    *mlflow.list_routes(),
    ("GET", BLOB_ROOT + "/{path:path}", blobs.get_blob),
    ("HEAD", BLOB_ROOT + "/{path:path}", blobs.get_blob),
    ("PUT", BLOB_ROOT + "/{path:path}", blobs.put_blob),
)


def build_app(services: Services) -> FastAPI:
    """The whole surface over one server's services."""
    app = FastAPI(
        title="Teal",
        openapi_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(TraceRequests, services=services),
            Middleware(NormalizePaths),
            Middleware(Authenticate, services=services),
        ],
        exception_handlers={TealError: _answer_error, HTTPException: _answer_http_error},
    )
    app.state.services = services
    app.state.openapi = openapi.build_document(ROUTES)
    app.router.routes.extend(_build_routes())
    return app


# --- private


@cache
def _build_routes() -> Sequence[BaseRoute]:
    """Once a process: they take longer than all the rest, and know nothing of a server."""
    router = APIRouter()
    for method, path, handler in ROUTES:
        router.add_api_route(path, handler, methods=[method], response_model=None)
    return router.routes


async def _answer_error(request: Request, error: Any) -> Response:
    return build_error_response(request.url.path, error)


async def _answer_http_error(request: Request, error: Any) -> Response:
    return build_http_error_response(request.url.path, error.status_code, request.method)
