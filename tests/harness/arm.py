"""A small hand-written server that speaks the wire of spec/wire.md: for tests of the client library and the CLI.

It remembers what it is sent and decides nothing: what a rule forbids is the real server's business.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

import httpx

WORKSPACE = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/teal"
    "/providers/Microsoft.MachineLearningServices/workspaces/default"
)

DEFAULT_WORKSPACE = {"id": WORKSPACE, "name": "default", "location": "local"}
LISTS = ("onlineEndpoints", "deployments", "models", "environments", "computes")


class Arm:
    """Called with a request, gives the answer; `transport` plugs it into a client."""

    def __init__(self, base: str = "https://arm.test") -> None:
        self.base = base
        self.requests: list[httpx.Request] = []
        self.resources: dict[str, dict[str, Any]] = {}
        #: How often each resource was written: its etag.
        self.writes: dict[str, int] = {}
        self.blobs: dict[str, bytes] = {}
        self.marks: dict[str, dict[str, str]] = {}
        #: Answers of the operation status, taken in order; when they run out the operation has succeeded.
        self.polls: list[dict[str, Any]] = []
        self.keys = {"primaryKey": "first-key", "secondaryKey": "second-key"}
        self.logs = "one\ntwo\n"
        #: Answers to give instead, by the end of the path.
        self.instead: dict[str, httpx.Response] = {}

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self)

    def sent(self, method: str, end: str) -> list[Any]:
        """The bodies sent by a method to paths with that end."""
        found = [r for r in self.requests if r.method == method and r.url.path.endswith(end)]
        return [json.loads(r.content) if r.content else None for r in found]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        path = unquote(request.url.path)
        for end, answer in self.instead.items():
            if path.endswith(end):
                return answer
        if path.startswith("/blobs/"):
            return self._blob(request, path)
        if request.headers.get("authorization") != "Bearer secret" and "/endpoints/" not in path:
            return refuse(401, "Unauthorized", "the token is missing or wrong")
        for pattern, answer_with in self._routes():
            if match := re.fullmatch(pattern, path):
                return answer_with(request, *match.groups())
        return self._resource(request, path)

    # --- private

    def _routes(self) -> list[tuple[str, Callable[..., httpx.Response]]]:
        return [
            (re.escape(WORKSPACE), self._workspace),
            (re.escape(WORKSPACE.rpartition("/")[0]), lambda _: ok({"value": [DEFAULT_WORKSPACE]})),
            (r"/subscriptions/[^/]+/providers/[^/]+/workspaces", lambda _: ok({"value": [DEFAULT_WORKSPACE]})),
            (r".*/mfeOperationsStatus/.*", self._status),
            (r".*/datastores/(\w+)", self._datastore),
            (r".*/listSecrets", lambda _: ok({"secretsType": "Sas", "sasToken": "sv=2024&sig=abc"})),
            (r".*/listKeys", lambda _: ok(self.keys)),
            (r".*/token", lambda _: ok({"accessToken": "a-token", "expiryTimeUtc": 2, "refreshAfterTimeUtc": 1})),
            (r".*/regenerateKeys", lambda _: httpx.Response(202, headers=self._operation())),
            (r".*/getLogs", lambda _: ok({"content": self.logs})),
            (r".*/startPendingUpload", self._pending),
            (r".*/codes/[^/]+/versions", self._find_code),
            (r"/endpoints/[^/]+/score", self._score),
            (r".*/(?:models|environments)/[^/]+/versions", self._versions),
        ]

    def _workspace(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(202) if request.method == "DELETE" else ok(DEFAULT_WORKSPACE)

    def _operation(self) -> dict[str, str]:
        return {
            "Azure-AsyncOperation": f"{self.base}/subscriptions/s/providers/p/locations/l/mfeOperationsStatus/1",
            "Retry-After": "0.01",
        }

    def _status(self, _: httpx.Request) -> httpx.Response:
        body = self.polls.pop(0) if self.polls else {"status": "Succeeded"}
        return httpx.Response(200, json=body, headers={"Retry-After": "0.01"})

    def _datastore(self, _: httpx.Request, name: str) -> httpx.Response:
        # `{protocol}://{accountName}.blob.{endpoint}/{container}` has to lead back here.
        host = self.base.partition("://")[2]
        account = f"{host}/blobs/acct"
        store = {"accountName": account, "containerName": "azureml", "endpoint": "core.test"}
        return ok({"name": name, "properties": {**store, "protocol": self.base.partition("://")[0]}})

    def _pending(self, _: httpx.Request) -> httpx.Response:
        uri = f"{self.base}/blobs/code-1"
        credential = {"credentialType": "SAS", "sasUri": f"{uri}?sv=2024&sig=abc"}
        return ok({"blobReferenceForConsumption": {"blobUri": uri, "credential": credential}})

    def _find_code(self, request: httpx.Request) -> httpx.Response:
        wanted = request.url.params["hash"]
        found = [
            {"id": path}
            for path, body in self.resources.items()
            if body["properties"].get("properties", {}).get("hash_sha256") == wanted
        ]
        return ok({"value": found})

    def _versions(self, request: httpx.Request) -> httpx.Response:
        start = request.url.path + "/"
        found = [body for path, body in self.resources.items() if path.startswith(start)]
        return ok({"value": list(reversed(found))})

    def _score(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("authorization") not in ("Bearer first-key", "Bearer second-key"):
            return refuse(401, "Unauthorized", "key")
        seen = request.headers.get("azureml-model-deployment")
        return httpx.Response(200, json={"deployment": seen, "echo": json.loads(request.content)})

    def _resource(self, request: httpx.Request, path: str) -> httpx.Response:
        if request.method == "GET" and path.rpartition("/")[2] in LISTS:
            inside = [body for key, body in self.resources.items() if key.rpartition("/")[0] == path]
            return ok({"value": inside})
        known = self.resources.get(path)
        if request.method == "GET":
            if known is None:
                return refuse(404, "ResourceNotFound", f"no {path.rpartition('/')[2]}")
            return httpx.Response(200, json=known, headers={"ETag": self._etag(path)})
        if request.method == "DELETE":
            self.resources.pop(path, None)
            return httpx.Response(202, headers=self._operation())
        body = json.loads(request.content)
        if request.headers.get("if-match", self._etag(path)) != self._etag(path):
            return refuse(412, "PreconditionFailed", "somebody else was faster")
        if known is not None and request.headers.get("if-none-match") == "*":
            return refuse(412, "PreconditionFailed", "it exists")
        self.writes[path] = self.writes.get(path, 0) + 1
        if request.method == "PATCH":
            if known is None:
                return refuse(404, "ResourceNotFound", f"no {path.rpartition('/')[2]}")
            body = merge(known, body)
        name = path.rpartition("/")[2]
        properties = {"provisioningState": "Succeeded", **body.get("properties", {})}
        if path.rpartition("/")[0].endswith("onlineEndpoints"):
            properties["scoringUri"] = f"{self.base}/endpoints/{name}/score"
        self.resources[path] = {**body, "id": path, "name": name, "properties": properties}
        started = "/onlineEndpoints/" in path
        headers = self._operation() if started else {}
        return httpx.Response(200 if known else 201, json=self.resources[path], headers=headers)

    def _etag(self, path: str) -> str:
        return f'"{self.writes.get(path, 0)}"'

    def _list_blobs(self, request: httpx.Request, path: str) -> httpx.Response:
        """Two names a page, so that readers have to turn it."""
        prefix, start = request.url.params["prefix"], int(request.url.params.get("marker") or 0)
        names = sorted(key.removeprefix(f"{path}/") for key in self.blobs if key.startswith(f"{path}/{prefix}"))
        blobs = "".join(f"<Blob><Name>{escape(name)}</Name></Blob>" for name in names[start : start + 2])
        marker = str(start + 2) if len(names) > start + 2 else ""
        inside = f"<Blobs>{blobs}</Blobs><NextMarker>{marker}</NextMarker>"
        return httpx.Response(200, text=f'<?xml version="1.0"?><EnumerationResults>{inside}</EnumerationResults>')

    def _blob(self, request: httpx.Request, path: str) -> httpx.Response:
        if request.method == "HEAD":
            marks = {f"x-ms-meta-{key}": value for key, value in self.marks.get(path, {}).items()}
            return httpx.Response(200 if path in self.blobs else 404, headers=marks)
        if request.method == "GET" and request.url.params.get("comp") == "list":
            return self._list_blobs(request, path)
        if request.method == "GET":
            return httpx.Response(200, content=self.blobs[path]) if path in self.blobs else httpx.Response(404)
        if request.url.params.get("comp") == "metadata":
            start = "x-ms-meta-"
            self.marks[path] = {k.removeprefix(start): v for k, v in request.headers.items() if k.startswith(start)}
            return httpx.Response(200)
        if request.url.params.get("comp") == "block":
            self.blobs[f"{path}#{request.url.params['blockid']}"] = request.content
        elif request.url.params.get("comp") == "blocklist":
            blocks = re.findall(r"<Latest>(.*?)</Latest>", request.content.decode())
            self.blobs[path] = b"".join(self.blobs[f"{path}#{block}"] for block in blocks)
        else:
            self.blobs[path] = request.content
        return httpx.Response(201)


@contextmanager
def serve(arm: Arm) -> Iterator[str]:
    """The same answers on a real socket; the address is `arm.base` from now on."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = httpx.Request(self.command, arm.base + self.path, headers=dict(self.headers), content=content)
            response = arm(request)
            self.send_response(response.status_code)
            for key, value in response.headers.items():
                if key not in ("content-length", "transfer-encoding"):
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(response.content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(response.content)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = answer

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        arm.base = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, name="arm")
        thread.start()
        try:
            yield arm.base
        finally:
            server.shutdown()
            thread.join()


def ok(body: object) -> httpx.Response:
    return httpx.Response(200, json=body)


def refuse(status: int, code: str, message: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "message": message}})


def merge(known: Any, patch: Any) -> Any:
    """RFC 7396, with the two maps that are replaced whole."""
    merged = dict(known)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict) and key not in ("traffic", "mirrorTraffic"):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged
