"""The only table from errors to HTTP status, and the bodies they become (`spec/wire.md` §2, §5.2). Called by api/app.py
and the middleware."""

from http import HTTPStatus
from xml.sax.saxutils import escape

from starlette.responses import JSONResponse, Response

from teal.api.mlflow.errors import build_mlflow_error, build_no_route, is_mlflow_path
from teal.domain.blobs import BLOB_ROOT
from teal.domain.errors import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    NotFound,
    PreconditionFailed,
    TealError,
    Unauthenticated,
)
from teal.store.errors import StoreRefused


class BodyTooLarge(InvalidInput):
    code = "RequestBodyTooLarge"


class InvalidRange(InvalidInput):
    code = "InvalidRange"


class Forbidden(Unauthenticated):
    """A signed address that is not good for this: wrong, expired, or for something else."""

    code = "AuthenticationFailed"


STATUS: dict[type[TealError], int] = {
    BodyTooLarge: 413,
    InvalidRange: 416,
    InvalidInput: 400,
    Forbidden: 403,
    Unauthenticated: 401,
    NotFound: 404,
    PreconditionFailed: 412,
    AlreadyExists: 409,
    Conflict: 409,
    StoreRefused: 500,
    TealError: 500,
}
"""The nearest class of an error decides."""

STATUS_OF_CODE = {"TrackingFailed": 424, "StorageFull": 507, "StorageBusy": 503, "StorageClosed": 503}
"""Where one class has several meanings, the code decides before the class."""


def status_of(error: TealError) -> int:
    if error.code in STATUS_OF_CODE:
        return STATUS_OF_CODE[error.code]
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def build_error_response(path: str, error: TealError) -> Response:
    """The answer to a request for `path` that met an expected error."""
    return _build(path, status_of(error), error.code, str(error), error.target)


def build_http_error_response(path: str, status: int, method: str) -> Response:
    """The answer where no handler was found, or not for this method."""
    if is_mlflow_path(path) and status in (404, 405):
        return build_no_route(path)
    message = {
        404: f"There is nothing at '{path}'. {_WHAT_THERE_IS}",
        405: f"'{path}' does not take {method}. {_WHAT_THERE_IS}",
    }.get(status, HTTPStatus(status).phrase)
    return _build(path, status, HTTPStatus(status).phrase.replace(" ", ""), message, None)


def build_unexpected_response(path: str, request_id: str) -> Response:
    """The answer to a request that ended in a defect: its story is in the log, under the request's id."""
    message = f"Something unexpected happened in the server. Its log tells more under the request id {request_id}."
    return _build(path, 500, "InternalServerError", message, None)


# --- private

_WHAT_THERE_IS = (
    "Teal has workspaces, models, environments, code, data, online endpoints and their deployments; of Azure's jobs, "
    "computes, registries and other things it has nothing."
)


def _build(path: str, status: int, code: str, message: str, target: str | None) -> Response:
    if is_mlflow_path(path):
        return build_mlflow_error(path, status, code, message)
    if path.startswith(f"{BLOB_ROOT}/"):
        inner = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        xml = f'<?xml version="1.0" encoding="utf-8"?><Error>{inner}</Error>'
        return Response(xml, status, {"x-ms-error-code": code}, "application/xml")
    return JSONResponse({"error": {"code": code, "message": message, "target": target, "details": []}}, status)
