"""Who may come in: middleware in front of every route. Only the metadata document is open; the identity endpoint
checks its own secret, blobs are opened by a signed address as well."""

import hmac
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from teal.api.calls import Services
from teal.api.errors import build_error_response
from teal.api.signatures import check_signature
from teal.domain.blobs import BLOB_ROOT, parse_blob_path
from teal.domain.errors import TealError, Unauthenticated

OPEN_PATHS = ("/metadata/endpoints", "/msi/token")
PERMISSIONS = {"GET": "r", "HEAD": "r", "PUT": "wc"}


class Authenticate:
    """ASGI middleware: answers 401 (or 403) itself, or lets the request through."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
        except TealError as error:
            response = build_error_response(scope["path"], error)
            if isinstance(error, Unauthenticated) and response.status_code == 401:
                response.headers["WWW-Authenticate"] = "Bearer"
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    # --- private

    def _check(self, scope: Scope) -> None:
        authorization = Headers(scope=scope).get("authorization")
        if authorization is None and scope["path"].startswith(f"{BLOB_ROOT}/"):
            query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
            if "sig" in query:
                container, _ = parse_blob_path(scope["path"].removeprefix(BLOB_ROOT))
                permission = "l" if query.get("comp") == "list" else PERMISSIONS.get(scope["method"], "")
                check_signature(
                    self._services.signing_secret, container, query, permission=permission, now=self._services.now()
                )
                return
        check_bearer(authorization, self._services.token)


def check_bearer(authorization: str | None, token: str) -> None:
    """Refuse anything but `Bearer <token>`; takes the same time for every wrong token."""
    scheme, _, given = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not is_token(given.strip(), token):
        raise Unauthenticated(
            "This needs the server's token in the header 'Authorization: Bearer <token>'."
            if authorization is None
            else "The token in the header 'Authorization' is not this server's.",
            hint="The token lies in the file 'token' of the server's data directory.",
        )


def is_token(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), token.encode())
