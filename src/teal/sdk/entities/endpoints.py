"""Online endpoints as callers hold them; names and arguments as in azure.ai.ml.entities (spec/azureml.md §1.1)."""

from dataclasses import dataclass, field
from typing import Any

from teal.sdk.entities.identities import IdentityConfiguration
from teal.sdk.entities.yaml_text import YamlText


@dataclass(kw_only=True)
class OnlineEndpoint(YamlText):
    """What the two kinds have in common."""

    name: str | None = None
    tags: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    auth_mode: str = "key"
    description: str | None = None
    location: str | None = None
    #: Live traffic in percent by deployment name; the sum is 0 or 100.
    traffic: dict[str, float] = field(default_factory=dict)
    #: One deployment that gets copies, at most 50 percent.
    mirror_traffic: dict[str, float] = field(default_factory=dict)
    identity: IdentityConfiguration | None = None
    kind: str | None = None
    # From here on: what the server fills in.
    id: str | None = None
    scoring_uri: str | None = None
    openapi_uri: str | None = None
    provisioning_state: str | None = None
    #: Which state was read; a change of another state is refused (If-Match).
    etag: str | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.name is not None:
            self.name = self.name.lower()
        self.tags = dict(self.tags or {})
        self.properties = dict(self.properties or {})
        self.traffic = dict(self.traffic or {})
        self.mirror_traffic = dict(self.mirror_traffic or {})


@dataclass(kw_only=True)
class ManagedOnlineEndpoint(OnlineEndpoint):
    """An endpoint whose instances Teal runs itself."""

    public_network_access: str | None = None


@dataclass(kw_only=True)
class KubernetesOnlineEndpoint(OnlineEndpoint):
    """An endpoint whose instances run in a Kubernetes cluster."""

    compute: str | None = None


@dataclass(kw_only=True)
class EndpointAuthKeys:
    """The two keys of a `key` endpoint."""

    primary_key: str | None = field(default=None, repr=False)
    secondary_key: str | None = field(default=None, repr=False)

    @property
    def access_token(self) -> str | None:
        """The primary key under the name published articles read it by (spec/azureml.md §0.4)."""
        return self.primary_key


@dataclass(kw_only=True)
class EndpointAuthToken:
    """The token of an `aml_token` endpoint; times are epoch seconds."""

    access_token: str | None = field(default=None, repr=False)
    expiry_time_utc: int = 0
    refresh_after_time_utc: int = 0
    token_type: str | None = None
