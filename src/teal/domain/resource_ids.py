"""ARM resource ids: text <-> value. Called by api, control and reconcile (`spec/wire.md` §2, "Path case")."""

import re
from dataclasses import dataclass
from enum import StrEnum

from teal.domain.errors import InvalidInput

AZURE_HOSTS = ("management.azure.com", "ml.azure.com")
"""What published scripts call by name: `teal env --az` leads curl from there to this server."""

PROVIDER = "Microsoft.MachineLearningServices"


class AssetKind(StrEnum):
    """The kinds of versioned assets; the value is the segment of the ARM id."""

    MODEL = "models"
    ENVIRONMENT = "environments"
    CODE = "codes"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class WorkspaceId:
    """Subscription, resource group and workspace name: any strings; compared in lower case (`key`)."""

    subscription: str
    resource_group: str
    name: str

    @property
    def arm(self) -> str:
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/{PROVIDER}/workspaces/{self.name}"
        )

    @property
    def key(self) -> str:
        return f"{self.subscription}/{self.resource_group}/{self.name}".lower()


@dataclass(frozen=True, slots=True)
class AssetRef:
    """One version of one asset; `version` "@label" is a label that has still to be looked up. `registry`: it is not in
    a workspace, but in a registry of that name."""

    kind: AssetKind
    name: str
    version: str
    registry: str | None = None

    def arm(self, workspace: WorkspaceId) -> str:
        return f"{workspace.arm}/{self.kind}/{self.name}/versions/{self.version}"


def is_curated(ref: AssetRef) -> bool:
    """Whether the name is one of the environments that come with the service (`spec/wire.md` §3.7)."""
    return ref.kind is AssetKind.ENVIRONMENT and (ref.registry is not None or ref.name.lower().startswith("azureml-"))


def format_endpoint_id(workspace: WorkspaceId, endpoint: str) -> str:
    return f"{workspace.arm}/onlineEndpoints/{endpoint}"


def format_deployment_id(workspace: WorkspaceId, endpoint: str, deployment: str) -> str:
    return f"{format_endpoint_id(workspace, endpoint)}/deployments/{deployment}"


def parse_asset_ref(kind: AssetKind, text: str) -> AssetRef:
    """An asset named by full ARM id, `azureml:name:version`, `azureml:name@label` or the same without `azureml:`."""
    if match := _ARM_ASSET.fullmatch(text):
        if match["kind"].lower() != kind:
            raise InvalidInput(f"'{text}' is not an id of {kind}.", target=kind)
        return AssetRef(kind, match["name"], match["version"])
    if match := _REGISTRY_ASSET.fullmatch(text):
        if match["kind"].lower() != kind:
            raise InvalidInput(f"'{text}' is not an id of {kind}.", target=kind)
        version = match["version"] or f"@{match['label'] or 'latest'}"
        return AssetRef(kind, match["name"], version, match["registry"])
    short = text.removeprefix("azureml:")
    if match := _SHORT_ASSET.fullmatch(short):
        return AssetRef(kind, match["name"], match["version"] or f"@{match['label']}")
    raise InvalidInput(
        f"'{text}' does not name a version of {kind}.",
        target=kind,
        hint="Use azureml:<name>:<version>, azureml:<name>@latest or a full resource id.",
    )


def parse_datastore_path(uri: str) -> str:
    """The blob path behind `azureml://.../datastores/<store>/paths/<path>` (`spec/wire.md` §3.4), without slashes
    at its ends."""
    match = _DATASTORE_PATH.search(uri)
    if not match:
        raise InvalidInput(f"'{uri}' is not a path in a datastore of this workspace.", target="path")
    return match["path"].strip("/")


def parse_blob_uri(uri: str) -> tuple[str, str]:
    """Container and path of a blob address, `<server>/azblob/<account>/<container>/<path>` (`spec/wire.md` §3.3)."""
    match = _BLOB_URI.search(uri)
    if not match:
        raise InvalidInput(f"'{uri}' is not an address in the blob store of this server.", target="codeUri")
    return match["container"], match["path"].strip("/")


# --- private

_ARM_ASSET = re.compile(
    r"(?:azureml:)?/subscriptions/[^/]+/resourcegroups/[^/]+/providers/[^/]+/workspaces/[^/]+"
    r"/(?P<kind>[a-z]+)/(?P<name>[^/]+)/versions/(?P<version>[^/]+)",
    re.IGNORECASE,
)
_REGISTRY_ASSET = re.compile(
    r"azureml://registries/(?P<registry>[^/]+)/(?P<kind>[a-z]+)/(?P<name>[^/]+)"
    r"(?:/versions/(?P<version>[^/]+)|/labels/(?P<label>[^/]+))?",
    re.IGNORECASE,
)
_SHORT_ASSET = re.compile(r"(?P<name>[^/:@]+)(?::(?P<version>[^/:@]+)|@(?P<label>[^/:@]+))")
_DATASTORE_PATH = re.compile(r"/datastores/[^/]+/paths/(?P<path>.+)$")
_BLOB_URI = re.compile(r"/azblob/[^/]+/(?P<container>[^/?]+)/(?P<path>[^?]+)")
