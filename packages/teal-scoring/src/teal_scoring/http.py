"""The HTTP surface, as an RSGI application (granian's `RSGI specification`): routes, request ids, headers, log line.

Constructed by worker.py, called by granian. Routes, texts and headers are those of azureml-inference-server-http
("routes"); what differs behind Teal's gateway is in answers.build_gateway_answer.
"""

import asyncio
import io
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]

from .access_log import AccessLog
from .admission import QueueFull, Refusal, Scoring
from .answers import (
    HEALTHY,
    PREFLIGHT,
    Answer,
    answer_allowed,
    answer_bad_input,
    answer_body_too_large,
    answer_document,
    answer_internal_error,
    answer_method_not_allowed,
    answer_method_not_taken,
    answer_not_found,
    answer_queue_full,
    answer_request_id_too_long,
    answer_text,
)
from .capture import Capture
from .cors import Cors
from .exchange import Exchange
from .inputs import BadInput, HeaderView, ScoreRequest
from .metrics import format_counts
from .settings import Settings
from .swagger import Swagger, UnknownVersion
from .version import SERVER_VERSION

REQUEST_ID_LIMIT = 100
LARGE_BODY_BYTES = 1024 * 1024
"""Up to here a body is read in one step, which is quicker."""
DEPLOYMENT_HEADER = "x-teal-deployment"
"""Set (and overwritten) by the gateway, so that its presence says who asks."""
TIME_LEFT_HEADER = "x-envoy-expected-rq-timeout-ms"
"""Envoy: "Router filter", HTTP headers set on upstream calls."""
METRICS = "text/plain; version=0.0.4; charset=utf-8"

_METHODS = {
    "/score": frozenset({"GET", "HEAD", "POST", "OPTIONS"}),
    "/": frozenset({"GET", "HEAD", "OPTIONS"}),
    "/swagger.json": frozenset({"GET", "HEAD", "OPTIONS"}),
    "/metrics": frozenset({"GET", "HEAD", "OPTIONS"}),
}

logger = logging.getLogger("azmlinfsrv")


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


class MoreRoutes(Protocol):
    """What a model may add: `methods` are all its paths with what they take, `scored` those that run it."""

    @property
    def methods(self) -> Mapping[str, frozenset[str]]: ...
    @property
    def scored(self) -> frozenset[str]: ...
    def find(self, path: str) -> Answer | None: ...
    def explain_missing(self, path: str) -> Answer | None: ...


class ScoringApp:
    """One object a worker. `begin_stop` makes every further answer the last of its connection."""

    def __init__(
        self,
        scoring: Scoring[Exchange],
        settings: Settings,
        *,
        methods: frozenset[str],
        swagger: Swagger,
        access_log: AccessLog,
        capture: Capture | None,
        new_id: Callable[[], str],
        more: "MoreRoutes | None" = None,
    ) -> None:
        self._scoring = scoring
        self._methods = methods
        self._swagger = swagger
        self._new_id = new_id
        self._more = more
        self._routes = {**_METHODS, **more.methods} if more else _METHODS
        self._scored = frozenset({"/score"}) | (more.scored if more else frozenset())
        self._cors = Cors(settings.cors_origins) if settings.cors_origins else None
        self._max_concurrent = settings.max_concurrent
        self._max_queued = settings.max_queued
        self._max_body_bytes = settings.max_body_bytes
        self._max_step_bytes = min(settings.max_body_bytes, LARGE_BODY_BYTES)
        self._version_header = ("x-ms-server-version", SERVER_VERSION) if settings.shows_version else None
        self.timeout_ms = settings.scoring_timeout_ms
        self.access_log = access_log
        self.capture = capture
        self.is_stopping = False
        self.in_hand = 0

    def begin_stop(self) -> None:
        self._scoring.unsettled  # noqa: B018 (what is answered already is no longer in hand)
        self.is_stopping = True

    def __rsgi__(self, scope: Scope, protocol: Any) -> Coroutine[Any, Any, None]:
        path = scope.path
        if path in self._scored:
            return self._score(scope, protocol, time.monotonic(), path)
        if path.startswith("//") and "/" + path.lstrip("/") in self._scored:  # a base URL that ends in a slash
            return self._score(scope, protocol, time.monotonic(), "/" + path.lstrip("/"))
        return self._answer_elsewhere(scope, protocol, time.monotonic())

    # --- private

    async def _score(self, scope: Scope, protocol: Any, arrived: float, path: str) -> None:
        """Things that can happen next: the answer (on the scoring thread), or a reason not to ask run() at all."""
        self.in_hand += 1
        headers = scope.headers
        exchange = Exchange(self, protocol, scope, headers, arrived)
        try:
            method = exchange.method
            # Begun before it is needed: it arrives while the headers are read.
            length = headers.get("content-length")
            receiving = protocol() if length is not None and int(length) <= self._max_step_bytes else None
            refusal = self._identify(exchange, headers, method, path)
            if refusal is None and method not in self._methods:
                refusal = PREFLIGHT if method == "OPTIONS" else answer_method_not_taken()
            if refusal is not None:
                exchange.send(refusal)
                return
            body: bytes | None
            if method == "GET" or method == "HEAD":
                body = b""
            elif receiving is not None:
                body = await receiving
            elif length is not None:
                body = None if int(length) > self._max_body_bytes else await _read_large(protocol, int(length))
            else:
                body = await self._read_unsized(protocol, scope)
            if body is None:
                exchange.send(answer_body_too_large(self._max_body_bytes))
                return
            exchange.request = ScoreRequest(method, scope.query_string, headers, body, scope)
            del body, receiving  # a large one must not live as long as this coroutine
            left = headers.get(TIME_LEFT_HEADER)
            if left is not None and left.isdecimal():
                # As the gateway counts: from the end of the request, however long its body took to come.
                exchange.deadline = time.monotonic() + int(left) / 1e3
            await self._scoring.submit(exchange)
        except QueueFull:
            exchange.send(answer_queue_full(self._max_concurrent, self._max_queued))
        except BadInput as error:
            exchange.send(answer_bad_input(str(error)))
        except ProtocolClosed:  # while the body was on its way
            if exchange.claim():
                self._scoring.counts.client_gone += 1
                exchange.refuse(Refusal.CLIENT_GONE)
        except Exception:  # the edge: whatever went wrong here is this request's failure only
            logger.exception("Encountered Exception while answering %s", path)
            exchange.send(answer_internal_error())
        finally:
            self.in_hand -= 1

    async def _answer_elsewhere(self, scope: Scope, protocol: Any, arrived: float) -> None:
        self.in_hand += 1
        exchange = Exchange(self, protocol, scope, scope.headers, arrived)
        try:
            exchange.send(self._find_answer(scope.path, scope, exchange))
        except Exception:  # the edge: whatever went wrong here is this request's failure only
            logger.exception("Encountered Exception while answering %s", scope.path)
            exchange.send(answer_internal_error())
        finally:
            self.in_hand -= 1

    async def _read_unsized(self, protocol: Any, scope: Scope) -> bytes | None:
        """A body sent in chunks; None if it is too large. Without a body this is the cheap case. Raises BadInput."""
        whole = io.BytesIO()
        empty = 0
        async for piece in protocol:
            if not piece:
                empty += 1
            if whole.tell() + len(piece) > self._max_body_bytes:
                return None
            whole.write(piece)
        # Granian ends a body that broke off like a whole one, but with two empty pieces; trailers make two as well.
        if empty > 1 and scope.http_version.startswith("1") and "trailer" not in scope.headers:
            raise BadInput("The body breaks off: a chunk is missing, or is none.")
        return whole.getvalue()

    def _find_answer(self, path: str, scope: Scope, exchange: Exchange) -> Answer:
        method = exchange.method
        if path not in self._routes:
            return (self._more.explain_missing(path) if self._more else None) or answer_not_found()
        refusal = self._identify(exchange, scope.headers, method, path)
        if refusal is not None:
            return refusal
        if method == "OPTIONS":
            return answer_allowed(", ".join(sorted(self._routes[path])))
        if path == "/":
            return HEALTHY
        if path == "/metrics":
            return answer_text(format_counts(self._scoring, self.capture), METRICS)
        if self._more is not None and (answer := self._more.find(path)) is not None:
            return answer
        exchange.is_logged = True
        try:
            return answer_document(self._swagger.find(scope.query_string))
        except UnknownVersion as error:
            return answer_not_found(str(error))

    def _identify(self, exchange: Exchange, headers: HeaderView, method: str, path: str) -> Answer | None:
        """Give the exchange the headers that its answer carries; or the answer that ends it here."""
        if method not in self._routes[path]:
            return answer_method_not_allowed(", ".join(sorted(self._routes[path])))
        exchange.is_logged = path in self._scored
        exchange.is_gateway = DEPLOYMENT_HEADER in headers
        ids, refusal = build_id_headers(headers, self._new_id)
        if self._version_header is not None:
            ids.append(self._version_header)
        if self._cors is not None:
            ids += self._cors.build_headers(headers, is_preflight=method == "OPTIONS")
        exchange.ids = ids
        return refusal


async def _read_large(protocol: Any, length: int) -> bytes:
    """Held once: granian's own way holds the pieces, doubled in advance, besides the whole. Raises ProtocolClosed."""
    whole = io.BytesIO()
    async for piece in protocol:
        whole.write(piece)
    if whole.tell() != length:
        raise ProtocolClosed
    return whole.getvalue()


def build_id_headers(headers: HeaderView, new_id: Callable[[], str]) -> "tuple[list[tuple[str, str]], Answer | None]":
    """The ids an answer carries, and an answer of 431 when one of the request's is too long.

    `x-ms-request-id` was once both the request's and the client's id, and still stands in for either.
    """
    get = headers.get
    ids: list[tuple[str, str]] = []
    trace_id = get("traceid")
    if trace_id is not None:
        ids.append(("TraceId", trace_id))
    request_id = get("x-request-id")
    if request_id is None:
        request_id = new_id()
    elif len(request_id) > REQUEST_ID_LIMIT:
        return ids, answer_request_id_too_long("x-request-id", REQUEST_ID_LIMIT)
    if request_id:
        ids.append(("x-request-id", request_id))
    legacy_id = get("x-ms-request-id")
    client_id = get("x-ms-client-request-id")
    if legacy_id:
        logger.warning(
            "x-ms-request-id header has been deprecated and will be removed from future versions of the server. Please"
            " use x-ms-client-request-id."
        )
        client_id = client_id or legacy_id
    else:
        legacy_id = client_id or request_id
    if len(legacy_id) > REQUEST_ID_LIMIT or (client_id and len(client_id) > REQUEST_ID_LIMIT):
        return ids, answer_request_id_too_long("x-ms-request-id and x-ms-client-request-id", REQUEST_ID_LIMIT)
    if legacy_id:
        ids.append(("x-ms-request-id", legacy_id))
    if client_id:
        ids.append(("x-ms-client-request-id", client_id))
    return ids, None


def start_flushing(app: ScoringApp, loop: asyncio.AbstractEventLoop, every_s: float = 0.05) -> None:
    """Write the access lines out from time to time, in one piece."""

    def flush() -> None:
        app.access_log.flush()
        loop.call_later(every_s, flush)

    flush()
