"""Errors in MLflow's own shape: its client shows nothing of any other (`spec/mlflow.md` §3). By api/errors.py."""

from starlette.responses import JSONResponse, Response

from teal.api.mlflow.addresses import MLFLOW_ROOT

TRACKING_IS_AN_EXTRA = (
    "This server keeps models, not runs: experiment tracking is an extra that is not installed with it. "
    "Install it with: pip install 'teal-endpoints[mlflow]', and start the server again."
)


def is_mlflow_path(path: str) -> bool:
    return path.startswith(f"{MLFLOW_ROOT}/")


def build_mlflow_error(path: str, status: int, code: str, message: str) -> Response:
    """What a request below the root of MLflow is answered. A permanent refusal is never 5xx: the client would repeat it
    for more than a minute (`spec/mlflow.md` §2.6)."""
    name = _NAMES.get(code) or _NAMES_OF_STATUS.get(status, "INTERNAL_ERROR" if status >= 500 else "BAD_REQUEST")
    return JSONResponse({"error_code": name, "message": message}, _STATUS_OF_NAME.get(name, status))


def build_no_route(path: str, *, installed: bool = False) -> Response:
    """What MLflow's API has and this server does not serve."""
    message = TRACKING_IS_AN_EXTRA if "/api/" in path and not installed else f"There is nothing at '{path}'."
    return build_mlflow_error(path, 404, "EndpointNotFound", message)


# --- private

_NAMES = {
    "EndpointNotFound": "ENDPOINT_NOT_FOUND",
    "ModelInUse": "INVALID_STATE",
    "ResourceExists": "RESOURCE_ALREADY_EXISTS",
}
_NAMES_OF_STATUS = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    405: "ENDPOINT_NOT_FOUND",
    409: "RESOURCE_CONFLICT",
    413: "INVALID_PARAMETER_VALUE",
    503: "TEMPORARILY_UNAVAILABLE",
}
_STATUS_OF_NAME = {"RESOURCE_ALREADY_EXISTS": 400, "INVALID_STATE": 400, "RESOURCE_CONFLICT": 409}
