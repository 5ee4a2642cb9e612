"""What a target or a URI of MLflow's means: which server, and which workspace in it. Called by every part of this room.

`teal` is the server of this machine; `teal://HOST:PORT` is another one, or this one by its address. A path may name the
workspace, as ARM writes it: `teal://HOST:PORT/subscriptions/S/resourceGroups/G/…/workspaces/W`, whatever stands before.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from teal.sdk.addresses import ServerAddress, find_server
from teal.sdk.client import MLClient
from teal.sdk.errors import NotRunning
from teal.sdk.scopes import Scope, load_scope

SCHEME = "teal"
API_PATH = "/mlflow/v2.0"


@dataclass(frozen=True, slots=True)
class Target:
    """One workspace of one server."""

    address: ServerAddress
    scope: Scope

    @property
    def api_url(self) -> str:
        """What MLflow's own REST clients call the host: all their paths start behind it."""
        return f"{self.address.url}{API_PATH}{self.scope.id}"

    @property
    def artifacts_uri(self) -> str:
        """Where the artifact addresses of this workspace start."""
        return f"{SCHEME}://{urlsplit(self.address.url).netloc}{API_PATH}{self.scope.id}/artifacts"


def find_target(uri: str | None = None, environ: Mapping[str, str] | None = None) -> Target:
    """The target that a URI names; token and certificate authority come from the environment, or from the data
    directory of a server on this machine."""
    environ = os.environ if environ is None else environ
    parts = urlsplit(uri or SCHEME)
    scope = _read_scope(unquote(parts.path)) if parts.scheme else None
    scope = scope or load_scope(
        environ.get("AZURE_SUBSCRIPTION_ID"),
        environ.get("AZURE_RESOURCE_GROUP"),
        environ.get("AZUREML_WORKSPACE_NAME"),
        environ,
    )
    address = _find_address(parts.netloc, environ)
    if address.token is None and (token := environ.get("MLFLOW_TRACKING_TOKEN")):
        address = replace(address, token=token)
    return Target(address, scope)


def open_client(target: Target) -> MLClient:
    scope, address = target.scope, target.address
    return MLClient(
        None, scope.subscription, scope.group, scope.workspace, url=address.url, token=address.token, ca=address.ca
    )


# --- private

_WORKSPACE = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)"
    r"/providers/[^/]+/workspaces/(?P<workspace>[^/]+)",
    re.IGNORECASE,
)


def _read_scope(path: str) -> Scope | None:
    match = _WORKSPACE.search(path)
    return Scope(match["subscription"], match["group"], match["workspace"]) if match else None


def _find_address(netloc: str, environ: Mapping[str, str]) -> ServerAddress:
    if not netloc:
        return find_server(environ=environ)
    url = f"https://{netloc}"
    try:
        # The server that was meant anyway is known with its token.
        here = find_server(environ=environ)
    except NotRunning:
        here = None
    if here is not None and urlsplit(here.url).netloc == netloc:
        return here
    return find_server(url=url, environ=environ)
