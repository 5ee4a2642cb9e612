"""The HTTP surface, as an RSGI application (granian's `RSGI specification`): routes, request ids, headers, log line.

Constructed by worker.py, called by granian. Routes, texts and headers are those of azureml-inference-server-http
("routes"); what differs behind Teal's gateway is in answers.build_gateway_answer.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

from .answers import (
    HEALTHY,
    PREFLIGHT,
    Answer,
    answer_deadline_passed,
    answer_internal_error,
    answer_method_not_allowed,
    answer_not_found,
    answer_queue_full,
    answer_request_id_too_long,
    answer_run_timed_out,
    build_gateway_answer,
)
from .concurrency import DeadlinePassed, QueueFull, RunTimedOut, ScoringThreads
from .inputs import ScoreRequest
from .logs import log_request
from .settings import Settings
from .version import SERVER_VERSION

REQUEST_ID_LIMIT = 100
DEPLOYMENT_HEADER = "x-teal-deployment"
"""Set (and overwritten) by the gateway, so that its presence says who asks."""
TIME_LEFT_HEADER = "x-envoy-expected-rq-timeout-ms"
"""Envoy: "Router filter", HTTP headers set on upstream calls."""

logger = logging.getLogger("azmlinfsrv")


class HeaderView(Protocol):
    def get(self, name: str, default: Any = None) -> Any: ...
    def __contains__(self, name: str) -> bool: ...
    def items(self) -> list[tuple[str, str]]: ...


class Scope(Protocol):
    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def query_string(self) -> str: ...
    @property
    def http_version(self) -> str: ...
    @property
    def headers(self) -> HeaderView: ...


class ScoringApp:
    """One object a worker. `begin_stop` makes every further answer the last of its connection."""

    def __init__(
        self, threads: ScoringThreads[ScoreRequest, Answer], settings: Settings, new_id: Callable[[], str]
    ) -> None:
        self._threads = threads
        self._new_id = new_id
        self._timeout_ms = settings.scoring_timeout_ms
        self._origins = frozenset(settings.cors_origins)
        self._max_concurrent = settings.max_concurrent
        self._fixed_headers = [("x-ms-server-version", SERVER_VERSION)] if settings.shows_version else []
        self._is_stopping = False
        self.in_hand = 0

    def begin_stop(self) -> None:
        self._is_stopping = True

    async def __rsgi__(self, scope: Scope, protocol: Any) -> None:
        arrived = time.monotonic()
        self.in_hand += 1
        try:
            path, headers = scope.path, scope.headers
            try:
                answer, ids = await self._answer(scope, path, headers, protocol, arrived)
            except Exception:  # the edge: whatever went wrong here is this request's failure only
                logger.exception("Encountered Exception while answering %s", path)
                answer, ids = answer_internal_error(), []
            if DEPLOYMENT_HEADER in headers:
                answer = build_gateway_answer(answer)
            out = [*answer.headers, *ids]
            if self._is_stopping and scope.http_version.startswith("1"):
                out.append(("connection", "close"))
            if answer.body:
                out.append(("content-type", answer.content_type))
                protocol.response_bytes(answer.status, out, answer.body)
            else:
                protocol.response_empty(answer.status, out)
            if path == "/score":
                query = scope.query_string
                shown = f"{path}?{query}" if query else path
                log_request(scope.method, shown, answer.status, (time.monotonic() - arrived) * 1e3, len(answer.body))
        finally:
            self.in_hand -= 1

    # --- private

    async def _answer(
        self, scope: Scope, path: str, headers: HeaderView, protocol: Any, arrived: float
    ) -> tuple[Answer, list[tuple[str, str]]]:
        method = scope.method
        if path == "/score":
            allowed = "GET, POST, OPTIONS"
        elif path == "/":
            allowed = "GET, HEAD"
        else:
            return answer_not_found(), []
        if method not in allowed.split(", "):
            return answer_method_not_allowed(allowed), []
        ids = build_id_headers(headers, self._new_id)
        if isinstance(ids, Answer):
            return ids, self._fixed_headers
        ids += self._fixed_headers
        if self._origins:
            ids += self._cors_headers(headers, is_preflight=method == "OPTIONS")
        if path == "/":
            return HEALTHY, ids
        if method == "OPTIONS":
            return PREFLIGHT, ids
        return await self._score(scope, method, headers, protocol, arrived), ids

    async def _score(self, scope: Scope, method: str, headers: HeaderView, protocol: Any, arrived: float) -> Answer:
        body = b"" if method == "GET" else await protocol()
        request = ScoreRequest(method, scope.query_string, tuple(headers.items()), body)
        try:
            return await self._threads.submit(request, _deadline(headers, arrived))
        except QueueFull:
            return answer_queue_full(self._max_concurrent)
        except DeadlinePassed:
            return answer_deadline_passed()
        except RunTimedOut:
            logger.error("Encountered Exception: run() did not finish within %d ms", self._timeout_ms)
            return answer_run_timed_out(self._timeout_ms)

    def _cors_headers(self, headers: HeaderView, *, is_preflight: bool) -> list[tuple[str, str]]:
        origin = headers.get("origin")
        if origin is None or not self._origins & {origin, "*"}:
            return []
        out = [("access-control-allow-origin", origin), ("vary", "Origin")]
        if is_preflight:
            out.append(("access-control-allow-methods", "GET, POST"))
            asked = headers.get("access-control-request-headers")
            if asked:
                out.append(("access-control-allow-headers", asked))
        return out


def build_id_headers(headers: HeaderView, new_id: Callable[[], str]) -> "list[tuple[str, str]] | Answer":
    """The ids an answer carries; an answer of 431 when one of the request's is too long.

    `x-ms-request-id` was once both the request's and the client's id, and still stands in for either.
    """
    request_id = headers.get("x-request-id") or new_id()
    if len(request_id) > REQUEST_ID_LIMIT:
        return answer_request_id_too_long("x-request-id", REQUEST_ID_LIMIT)
    legacy_id = headers.get("x-ms-request-id")
    client_id = headers.get("x-ms-client-request-id")
    if legacy_id and not client_id:
        logger.warning("x-ms-request-id as the client's request id is deprecated; send x-ms-client-request-id instead.")
        client_id = legacy_id
    legacy_id = legacy_id or client_id or request_id
    if len(legacy_id) > REQUEST_ID_LIMIT or (client_id and len(client_id) > REQUEST_ID_LIMIT):
        return answer_request_id_too_long("x-ms-request-id and x-ms-client-request-id", REQUEST_ID_LIMIT)
    ids = [("x-request-id", request_id), ("x-ms-request-id", legacy_id)]
    if client_id:
        ids.append(("x-ms-client-request-id", client_id))
    trace_id = headers.get("traceid")
    if trace_id:
        ids.append(("TraceId", trace_id))
    return ids


def _deadline(headers: HeaderView, arrived: float) -> float | None:
    text = headers.get(TIME_LEFT_HEADER)
    return arrived + int(text) / 1e3 if text and text.isdecimal() else None
