"""The outermost edge: every request gets an id, every answer carries it, and what nobody expected is logged once."""

import logging
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from teal.api.calls import Services
from teal.api.errors import build_unexpected_response

logger = logging.getLogger(__name__)


class TraceRequests:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._services.new_id()
        client_id = Headers(scope=scope).get("x-ms-client-request-id")
        started_at, status = time.perf_counter(), 0

        async def send_traced(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-ms-request-id"] = request_id
                headers.setdefault("Cache-Control", "no-store")
                if client_id:
                    headers["x-ms-client-request-id"] = client_id
            await send(message)

        try:
            await self._app(scope, receive, send_traced)
        except ClientDisconnect:
            logger.info("%s %s: the client went away", scope["method"], scope["path"])
        except Exception:
            logger.exception("request %s failed: %s %s", request_id, scope["method"], scope["path"])
            if not status:
                await build_unexpected_response(scope["path"], request_id)(scope, receive, send_traced)
        finally:
            level = logging.DEBUG if scope["method"] in ("GET", "HEAD") and status < 500 else logging.INFO
            took_ms = (time.perf_counter() - started_at) * 1000
            logger.log(level, "%s %s %d %.1fms %s", scope["method"], scope["path"], status, took_ms, request_id)
