"""The OpenAPI document of the surface, from its table of routes: what can be sent where. Served behind the token, for
people's tools and for the tests that send what nobody would. Called by api/app.py.

Schemas say what Teal reads; other members are kept, so none of them is closed.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import JSONResponse

from teal.api.calls import AnyCall
from teal.domain.blobs import BLOB_ROOT

Schema = dict[str, Any]


def build_document(routes: Iterable[tuple[str, str, Any]]) -> Schema:
    """Every route with its parameters and its body."""
    paths: dict[str, Schema] = {}
    for method, path, handler in routes:
        plain = re.sub(r":path\}", "}", path)
        paths.setdefault(plain, {})[method.lower()] = _describe(method, plain, handler)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Teal", "version": "1", "description": "Azure Machine Learning's online endpoints."},
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
    }


async def get_document(call: AnyCall) -> JSONResponse:
    return JSONResponse(call.request.app.state.openapi)


# --- private

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_WHOLE: Schema = {"type": "integer"}
_ANY: Schema = {"type": "object"}
_DURATION: Schema = {"type": "string", "examples": ["PT5S", "PT0.5S"]}


def _object(**members: Schema) -> Schema:
    return {"type": "object", "properties": members}


def _map(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


_PROBE = _object(
    failureThreshold=_WHOLE, successThreshold=_WHOLE, timeout=_DURATION, period=_DURATION, initialDelay=_DURATION
)
_ASSET = {"description": _TEXT, "tags": _map(_TEXT), "properties": _ANY, "isArchived": _FLAG, "isAnonymous": _FLAG}
_ENDPOINT = _object(
    location=_TEXT,
    tags=_map(_TEXT),
    identity=_ANY,
    properties=_object(
        authMode={"enum": ["Key", "AMLToken", "AADToken"]},
        description=_TEXT,
        properties=_map(_TEXT),
        traffic=_map(_WHOLE),
        mirrorTraffic=_map(_WHOLE),
        publicNetworkAccess=_TEXT,
        compute=_TEXT,
    ),
)
_DEPLOYMENT = _object(
    location=_TEXT,
    tags=_map(_TEXT),
    sku=_object(name=_TEXT, capacity=_WHOLE),
    properties=_object(
        endpointComputeType=_TEXT,
        description=_TEXT,
        properties=_map(_TEXT),
        model=_TEXT,
        codeConfiguration=_object(codeId=_TEXT, scoringScript=_TEXT),
        environmentId=_TEXT,
        environmentVariables=_map(_TEXT),
        instanceType=_TEXT,
        scaleSettings=_object(scaleType=_TEXT),
        appInsightsEnabled=_FLAG,
        requestSettings=_object(
            requestTimeout=_DURATION, maxConcurrentRequestsPerInstance=_WHOLE, maxQueueWait=_DURATION
        ),
        livenessProbe=_PROBE,
        readinessProbe=_PROBE,
        startupProbe=_PROBE,
        egressPublicNetworkAccess=_TEXT,
    ),
)
_CONTAINER = _object(properties=_object(**_ASSET))

_BODIES: tuple[tuple[str, str, Schema], ...] = (
    ("PUT|PATCH", "/workspaces/{workspace}", _object(tags=_map(_TEXT), properties=_object(friendlyName=_TEXT))),
    ("POST", "/listSecrets", _object(expirableSecret=_FLAG, expireAfterHours=_WHOLE)),
    ("POST", "/startPendingUpload", _object(pendingUploadType=_TEXT)),
    ("PUT", "/models/{name}/versions/{version}", _object(properties=_object(
        **_ASSET, modelUri=_TEXT, modelType=_TEXT, flavors=_ANY, stage=_TEXT))),
    ("PUT", "/codes/{name}/versions/{version}", _object(properties=_object(**_ASSET, codeUri=_TEXT))),
    ("PUT", "/data/{name}/versions/{version}", _object(properties=_object(**_ASSET, dataUri=_TEXT, dataType=_TEXT))),
    ("PUT", "/environments/{name}/versions/{version}", _object(properties=_object(
        **_ASSET, image=_TEXT, condaFile=_TEXT, osType=_TEXT, inferenceConfig=_ANY,
        build=_object(contextUri=_TEXT, dockerfilePath=_TEXT)))),
    ("PUT", "/(models|codes|data|environments)/{name}", _CONTAINER),
    ("PUT|PATCH", "/onlineEndpoints/{endpoint}", _ENDPOINT),
    ("PUT|PATCH", "/deployments/{deployment}", _DEPLOYMENT),
    ("PUT", "/deploymentChecks/{check}", _object(properties=_object(
        deploymentName=_TEXT, deployment=_DEPLOYMENT, request=_object(body=_TEXT, contentType=_TEXT)))),
    ("POST", "/regenerateKeys", _object(keyType={"enum": ["Primary", "Secondary"]}, keyValue=_TEXT)),
    ("POST", "/getLogs", _object(containerType={"enum": ["InferenceServer", "StorageInitializer"]}, tail=_WHOLE)),
)  # fmt: skip
"""Method, end of the path (a regular expression but for its braces), body."""

_NAME: Schema = {"type": "string", "pattern": "^[a-zA-Z][a-zA-Z0-9]*(-[a-zA-Z0-9]+)*$", "minLength": 3, "maxLength": 32}
_WORD: Schema = {"type": "string", "pattern": "^[!-~]+$", "maxLength": 260}
_ASSET_NAME: Schema = {"type": "string", "pattern": "^[a-zA-Z0-9_][-a-zA-Z0-9_.]*$", "maxLength": 255}
_PARTS: Mapping[str, Schema] = {
    **dict.fromkeys(("subscription", "group", "workspace", "location"), _WORD),
    **dict.fromkeys(("endpoint", "deployment"), _NAME),
    **dict.fromkeys(("name", "version"), _ASSET_NAME),
}
_PAGE = {"count": _WHOLE, "$skip": _TEXT, "$top": _WHOLE}
_VIEW = {**_PAGE, "listViewType": {"enum": ["ActiveOnly", "ArchivedOnly", "All"]}}
_QUERIES: tuple[tuple[str, Mapping[str, Schema]], ...] = (
    (r"/codes/{name}/versions", {**_VIEW, "hash": _TEXT, "hashVersion": _TEXT}),
    (r"/(models|codes|data|environments)(/{name}/versions)?", _VIEW),
    (r"/(onlineEndpoints|workspaces)", _PAGE),
)
_BLOB_QUERIES: Mapping[str, Mapping[str, Schema]] = {
    "GET": {
        "restype": {"enum": ["container"]}, "comp": {"enum": ["list"]}, "prefix": _TEXT, "delimiter": _TEXT,
        "marker": _TEXT, "maxresults": _WHOLE, "include": _TEXT,
    },
    "HEAD": {},
    "PUT": {"comp": {"enum": ["block", "blocklist", "metadata"]}, "blockid": _TEXT},
}  # fmt: skip
_BLOB_HEADERS = ("If-Match", "If-None-Match", "x-ms-range", "Content-MD5", "x-ms-blob-type", "x-ms-meta-name")


def _describe(method: str, path: str, handler: Any) -> Schema:
    is_blob = path.startswith(f"{BLOB_ROOT}/")
    queries = _BLOB_QUERIES[method] if is_blob else _find_queries(method, path)
    conditions = ("If-Match", "If-None-Match") if method in ("PUT", "PATCH", "DELETE") else ()
    parameters = [
        *(
            {"in": "path", "name": name, "required": True, "schema": _PARTS.get(name, _TEXT)}
            for name in re.findall(r"{(\w+)}", path)
        ),
        *({"in": "query", "name": name, "schema": schema} for name, schema in queries.items()),
        *({"in": "header", "name": name, "schema": _TEXT} for name in (_BLOB_HEADERS if is_blob else conditions)),
    ]
    function = getattr(handler, "func", handler)
    described: Schema = {
        "summary": (function.__doc__ or function.__name__.replace("_", " ")).strip().partition("\n")[0],
        "parameters": parameters,
        "responses": {"default": {"description": "The resource, or an error."}},
    }
    if is_blob and method == "PUT":
        described["requestBody"] = {"content": {"application/octet-stream": {"schema": {"type": "string"}}}}
    elif (body := _find_body(method, path)) is not None:
        described["requestBody"] = {"content": {"application/json": {"schema": body}}}
    return described


def _find_queries(method: str, path: str) -> Mapping[str, Schema]:
    for end, queries in _QUERIES:
        if method == "GET" and re.search(rf"{_escape(end)}$", path):
            return queries
    return {}


def _find_body(method: str, path: str) -> Schema | None:
    for methods, end, schema in _BODIES:
        if method in methods.split("|") and re.search(rf"{_escape(end)}$", path):
            return schema
    return None


def _escape(pattern: str) -> str:
    return pattern.replace("{", r"\{").replace("}", r"\}")
