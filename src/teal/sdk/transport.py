"""One HTTP conversation with the control plane: address, token, TLS, retries, error answers. Used by every operation.

The seam is `httpx.BaseTransport`: tests and in-process users hand in their own.
"""

import logging
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from teal import __version__
from teal.sdk.addresses import ServerAddress
from teal.sdk.errors import NotRunning, ResourceModifiedError, TealError, build_http_error

_log = logging.getLogger(__name__)

#: One fixed value per resource type, as the stock client sends them (spec/wire.md §3).
API_VERSIONS: Mapping[str, str] = {
    "workspaces": "2024-10-01-preview",
    "computes": "2023-08-01-preview",
    "datastores": "2024-10-01-preview",
    "codes": "2023-04-01",
    "models": "2023-08-01-preview",
    "environments": "2023-04-01-preview",
    "data": "2023-04-01-preview",
    "onlineEndpoints": "2022-02-01-preview",
    "deployments": "2023-04-01-preview",
}

#: Between attempts of a request that is safe to repeat.
RETRY_DELAYS_S = (0.1, 0.3, 0.9)


class Conversation:
    """Sends requests and reads answers; everything that is not an answer becomes an error of sdk/errors.py."""

    def __init__(
        self,
        address: ServerAddress,
        *,
        credential: Any = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.address = address
        self._credential = credential
        self._sleep = sleep
        self._transport = transport
        self._client = httpx.Client(
            headers={"User-Agent": f"teal-sdk/{__version__}", "Accept": "application/json"},
            timeout=httpx.Timeout(60.0, connect=5.0),
            verify=_trust(address) if transport is None else True,
            transport=transport,
            # A server found by its data directory is on this machine: a proxy could only get in the way.
            trust_env=not address.local,
            follow_redirects=False,
        )

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, kind: str, **params: Any) -> Any:
        """The body of a GET below the server's root."""
        return self.request("GET", path, kind, params=params).json()

    def pages(self, path: str, kind: str, **params: Any) -> Iterator[dict[str, Any]]:
        """The members of a list, page by page (spec/wire.md §2)."""
        body = self.get(path, kind, **params)
        while True:
            yield from body.get("value") or ()
            following = body.get("nextLink")
            if not following:
                return
            body = self.request("GET", following, kind=None).json()

    def post(self, path: str, kind: str, body: object = None) -> Any:
        """The body of the answer to a POST; an empty answer is an empty object."""
        response = self.request("POST", path, kind, json=body)
        return response.json() if response.content else {}

    def request(
        self,
        method: str,
        path: str,
        kind: str | None,
        *,
        json: object = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One answered request below 400; `path` may be a whole URL, `kind` picks the api-version."""
        url = path if "://" in path else self.address.url + path
        query = {"api-version": API_VERSIONS[kind], **(params or {})} if kind else None
        content: dict[str, Any] = {"json": json} if json is not None else {}
        sent = {**self._authorization(), **(headers or {})}
        response = self.send(method, url, params=query, headers=sent, **content)
        try:
            return raise_for_error(response)
        except ResourceModifiedError as error:
            if response.extensions.get("repeated"):
                error.hint = _REPEATED_HINT
            raise

    def send(self, method: str, url: str, **arguments: Any) -> httpx.Response:
        """One request to any address with any answer; what is safe to repeat is repeated a few times."""
        repeatable = method in ("GET", "HEAD", "PUT", "DELETE") and "content" not in arguments
        delays = iter(RETRY_DELAYS_S if repeatable else ())
        repeated = False
        # Without its query: that of a blob holds a signature.
        where = url.partition("?")[0]
        while True:
            try:
                response = self._client.request(method, url, **arguments)
            except httpx.TransportError as error:
                _log.debug("%s %s: %s", method, where, error)
                delay = next(delays, None)
                if delay is None:
                    raise self._unreachable(url, error) from error
            else:
                _log.debug("%s %s: %s", method, where, response.status_code)
                delay = next(delays, None) if response.status_code in (429, 502, 503, 504) else None
                if delay is None:
                    response.extensions["repeated"] = repeated
                    return response
            repeated = True
            self._sleep(delay)

    def stream(self, url: str) -> Iterator[bytes]:
        """The body of a GET of any address, in pieces: nothing has to hold it whole."""
        try:
            with self._client.stream("GET", url) as response:
                if response.status_code >= 400:
                    response.read()
                    raise_for_error(response)
                yield from response.iter_bytes()
        except httpx.TransportError as error:
            raise self._unreachable(url, error) from error

    def token(self) -> str | None:
        """What lets the caller in: the server's token, else what the credential gives."""
        if self.address.token is not None or self._credential is None:
            return self.address.token
        if isinstance(self._credential, str):
            return self._credential
        return str(self._credential.get_token(f"{self.address.url}/.default").token)

    # --- private

    def _authorization(self) -> dict[str, str]:
        token = self.token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _unreachable(self, url: str, error: httpx.TransportError) -> TealError:
        parts = urlsplit(url)
        where = f"{parts.scheme}://{parts.netloc}"
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return NotRunning(
                f"The certificate of {where} is not trusted: {error}",
                hint="Point TEAL_CA at the `ca.pem` of that server's data directory.",
            )
        if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
            return NotRunning(
                f"{where} did not answer in time ({type(error).__name__}).", hint="`teal status` tells more."
            )
        hint = "Start it with `teal up`." if self.address.local else "Is TEAL_URL right, and the server running?"
        return NotRunning(f"No Teal server answers at {where}: {error}.", hint=hint)


def build_conditions(etag: str | None, *, only_new: bool = False) -> dict[str, str]:
    """The headers of a change of one state, or of none: the server refuses (412) when it is at another one."""
    return {**({"If-Match": etag} if etag else {}), **({"If-None-Match": "*"} if only_new else {})}


def raise_for_error(response: httpx.Response) -> httpx.Response:
    """The answer, or the error in it."""
    if response.status_code < 400:
        return response
    try:
        body: object = response.json()
    except ValueError:
        body = response.text
    hint = _TOKEN_HINT if response.status_code == 401 else None
    raise build_http_error(response.status_code, body, hint=hint)


# --- private

_REPEATED_HINT = "The answer to a first attempt was lost on its way: it may be this very command that has done it."
_TOKEN_HINT = "Check TEAL_TOKEN; without it the token file of the data directory is used."


def _trust(address: ServerAddress) -> ssl.SSLContext | bool:
    if not address.url.startswith("https"):
        return True
    if address.ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(address.ca))
    except (OSError, ssl.SSLError) as error:
        raise NotRunning(f"The CA file {address.ca} cannot be used: {error}", hint="TEAL_CA names it.") from error
