"""What a handler is given: the services of the server, and the request in hand with its workspace, time and body."""

import hmac
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated, Any, Protocol, TypeVar
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request

from teal.api.errors import BodyTooLarge
from teal.api.mlflow.tracker import Tracker
from teal.control import workspaces
from teal.control.requests import Moment
from teal.domain.checks import Check, SampleRequest
from teal.domain.curated import BUILT_IN, Catalogue
from teal.domain.deployments import DeploymentSpec
from teal.domain.errors import InvalidInput, PreconditionFailed
from teal.domain.quotas import NO_QUOTA, Quota
from teal.domain.resource_ids import AZURE_HOSTS, WorkspaceId
from teal.domain.tokens import TokenClaims
from teal.domain.workspaces import Workspace
from teal.store.blobs import BlobStore
from teal.store.database import Store, Transaction

T = TypeVar("T")

MAX_JSON_BYTES = 4 * 1024 * 1024
MAX_JSON_DEPTH = 64


class CheckRunner(Protocol):
    """Runs deployments once, beside everything else (reconcile/checks.py)."""

    def begin(
        self, workspace: WorkspaceId, id: str, deployment: str, spec: DeploymentSpec, request: SampleRequest | None
    ) -> Check: ...
    def find(self, workspace: WorkspaceId, id: str) -> Check | None: ...
    async def cancel(self, workspace: WorkspaceId, id: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything the handlers reach for; constructed by teal.server. `gateway_url` is where endpoints are called."""

    store: Store
    blobs: BlobStore
    token: str = field(repr=False)
    url: str
    gateway_url: str
    create_workspaces: bool
    read_logs: Callable[[str, str, int], Awaitable[str]]
    """Instance id, container, lines from the end."""
    observe_requests: Callable[[str], Awaitable[Mapping[str, Mapping[str, int]] | None]]
    """Endpoint -> {"live", "mirrored", "mirror_dropped", "mirror_skipped"} by deployment, as counted by the gateway;
    None while it does not say. Must not take long."""
    checks: CheckRunner
    sign_token: Callable[[TokenClaims], str]
    now: Callable[[], float]
    new_id: Callable[[], str]
    curated: Catalogue = BUILT_IN
    quota: Quota = NO_QUOTA
    tracking: Tracker | None = None
    """None: MLflow's own server is not installed with this one."""

    @property
    def signing_secret(self) -> bytes:
        return hmac.digest(self.token.encode(), b"signed blob addresses", sha256)


class Call:
    """One request."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.services: Services = request.app.state.services
        self.moment = Moment(self.services.now(), self.services.new_id)

    async def read(self, fn: Callable[[Transaction], T]) -> T:
        return await self.services.store.read(fn)

    async def write(self, fn: Callable[[Transaction], T]) -> T:
        return await self.services.store.write(fn)

    @property
    def host(self) -> str:
        """HOST:PORT as the caller wrote it, since absolute URLs in answers must start like the caller's own
        (`spec/wire.md` §1.5)."""
        host = self.request.headers.get("host", "")
        return host if _HOST.fullmatch(host) else urlsplit(self.services.url).netloc

    @property
    def path(self) -> str:
        """The path as it stands in a URL."""
        return quote(self.request.url.path)

    @property
    def base_url(self) -> str:
        return f"{self.request.url.scheme}://{self.host}"

    @property
    def gateway_url(self) -> str:
        """A gateway that listens everywhere is called by the name under which the caller knows this machine."""
        parts = urlsplit(self.services.gateway_url)
        if parts.hostname not in ("0.0.0.0", "::"):
            return self.services.gateway_url
        known = self.host.rpartition(":")[0] or self.host
        if known in AZURE_HOSTS:
            known = urlsplit(self.services.url).hostname or known
        return f"{parts.scheme}://{known}:{parts.port}"

    async def json(self) -> dict[str, Any]:
        """The body, a JSON object. An empty one is an empty object."""
        content = await self.body(MAX_JSON_BYTES)
        if not content.strip():
            return {}
        return parse_body(content)

    async def body(self, limit: int) -> bytes:
        content = bytearray()
        async for chunk in self.request.stream():
            content += chunk
            if len(content) > limit:
                raise BodyTooLarge(f"The body is larger than {limit} bytes.", target="body")
        return bytes(content)

    def check_preconditions(self, etag: str | None) -> None:
        """If-Match and If-None-Match against the stored object's etag (None: there is no such object)."""
        wanted, unwanted = self.request.headers.get("if-match"), self.request.headers.get("if-none-match")
        if wanted is not None and not _names(wanted, etag):
            raise PreconditionFailed(
                f"If-Match is {wanted}, but the object " + (f"is at {etag}." if etag else "does not exist."),
                target="If-Match",
                hint="Read it again and repeat the change.",
            )
        if unwanted is not None and _names(unwanted, etag):
            raise PreconditionFailed(f"If-None-Match is {unwanted}, and the object exists.", target="If-None-Match")


class WorkspaceCall(Call):
    """One request below a workspace."""

    def __init__(self, request: Request, workspace: Workspace) -> None:
        super().__init__(request)
        self.workspace = workspace
        self.id = workspace.id


def parse_body(content: bytes) -> dict[str, Any]:
    """A JSON object that can be stored and answered with again. Line ends within a text are taken as the service does:
    published scripts put a whole conda_file between two quotes."""
    try:
        value = json.loads(content, parse_constant=_refuse_constant, strict=False)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"The body is not JSON: {error}.", target="body") from None
    if not isinstance(value, dict):
        raise InvalidInput("The body must be a JSON object.", target="body")
    _check_content(value, MAX_JSON_DEPTH)
    return value


def format_etag(generation: int, created_at: float) -> str:
    """Another one for every accepted change, and for an object of the same name that was made anew."""
    return f'"{int(created_at * 1000):x}.{generation}"'


async def take_call(request: Request) -> Call:
    return Call(request)


async def take_workspace_call(request: Request, subscription: str, group: str, workspace: str) -> WorkspaceCall:
    """The workspace in the path; named for the first time it is made, where the settings allow that."""
    call = Call(request)
    id = WorkspaceId(subscription, group, workspace)
    found = await call.read(lambda tx: workspaces.find_workspace(tx, id))
    if found is None:
        create = call.services.create_workspaces
        found = await call.write(lambda tx: workspaces.ensure_workspace(tx, id, call.moment, create=create))
    return WorkspaceCall(request, found)


AnyCall = Annotated[Call, Depends(take_call)]
InWorkspace = Annotated[WorkspaceCall, Depends(take_workspace_call)]

# --- private

_HOST = re.compile(r"[A-Za-z0-9._-]+(:[0-9]+)?|\[[0-9a-fA-F:]+\](:[0-9]+)?")


def _names(header: str, etag: str | None) -> bool:
    if etag is None:
        return False
    return header.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in header.split(",")]


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")


def _check_content(value: object, depth: int) -> None:
    """What `json` reads and nobody can write again: halves of characters, and nesting without end."""
    if depth == 0:
        raise InvalidInput(f"The body is nested more than {MAX_JSON_DEPTH} levels deep.", target="body")
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise InvalidInput("The body has text that is not Unicode.", target="body") from None
        case dict():
            for key, member in value.items():
                _check_content(key, depth)
                _check_content(member, depth - 1)
        case list():
            for member in value:
                _check_content(member, depth - 1)
