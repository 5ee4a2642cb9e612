"""Requests and answers as objects, for scripts that use @rawhttp or answer with a response object. Imported only when a
script does, because of werkzeug; used by inputs.py and invocation.py."""

import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

from werkzeug.wrappers import Request, Response

from .answers import Answer, Fault
from .inputs import ScoreRequest
from .script_api.aml_request import AMLRequest


def build_request(request: ScoreRequest) -> Request:
    """The object that run() gets: Flask's own inside a Flask context (flask_context.py), else AMLRequest."""
    if request.scope is not None and isinstance(request.scope, Request):
        return request.scope
    # populated, the environment would hold the request, and the body would live until the next garbage collection
    return AMLRequest(build_environ(request), populate_request=False)


def build_environ(request: ScoreRequest) -> dict[str, Any]:
    """The request in the form of PEP 3333. The body is not copied."""
    scope = request.scope
    host, _, port = str(getattr(scope, "server", "")).rpartition(":")
    client, _, client_port = str(getattr(scope, "client", "")).rpartition(":")
    query = request.query.encode().decode("latin-1")  # PEP 3333: bytes, as text
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(str(getattr(scope, "path", "/score"))).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": f"/score?{query}" if query else "/score",
        "SERVER_NAME": host or "127.0.0.1",
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": f"HTTP/{getattr(scope, 'http_version', '1.1')}",
        "REMOTE_ADDR": client,
        "REMOTE_PORT": client_port,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        if name == "Content-Type":
            environ["CONTENT_TYPE"] = value
        elif name == "Content-Length":
            environ["CONTENT_LENGTH"] = str(len(request.body))
        else:
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    if "HTTP_HOST" not in environ and getattr(scope, "authority", None):
        environ["HTTP_HOST"] = scope.authority
    return environ


def build_answer(response: Response, exec_ms: float, request: ScoreRequest) -> Answer:
    """The answer, but for the body of a streamed one."""
    if not 200 <= response.status_code <= 999:
        raise ValueError(f"{response.status_code} is not the status of an answer")
    if response.status_code >= 500:
        response.headers["x-ms-run-function-failed"] = "True"
    headers = [
        (name.lower(), value)
        for name, value in response.get_wsgi_headers(build_environ(request)).to_wsgi_list()
        if name.lower() not in _OF_THE_CONNECTION
    ]
    headers.append(("x-ms-run-fn-exec-ms", f"{exec_ms:.3f}"))
    fault = None
    if not 200 <= response.status_code < 300:
        fault = Fault("ModelError", "model-error", f"The model answered {response.status_code}")
    body = b""
    if response.is_sequence:
        body = b"".join(response.iter_encoded())
        response.close()
    return Answer(response.status_code, body, None, tuple(headers), fault, exec_ms=exec_ms)


def iterate_response(response: Response) -> Iterator[bytes]:
    """The body of a streamed response, piece by piece."""
    try:
        yield from response.iter_encoded()
    finally:
        response.close()


# --- private

_OF_THE_CONNECTION = frozenset({"content-length", "connection", "transfer-encoding", "keep-alive"})
