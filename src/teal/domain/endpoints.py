"""The online endpoint: what people ask for (spec), the stored object, and what the loop knows of it (status)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from teal.domain.conditions import Condition
from teal.domain.endpoint_settings import parse_endpoint_settings
from teal.domain.errors import InvalidInput, Unsupported
from teal.domain.failures import Failure
from teal.domain.remarks import check_remarks
from teal.domain.resource_ids import WorkspaceId
from teal.domain.states import ProvisioningState
from teal.domain.traffic import Percent


class AuthMode(StrEnum):
    """How callers prove themselves; the values are the exact words of the wire (`spec/wire.md` §3.6)."""

    KEY = "Key"
    AML_TOKEN = "AMLToken"
    AAD_TOKEN = "AADToken"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSpec:
    """What people write about an endpoint. `traffic` and `mirror_traffic` are percent by deployment, normalised (no
    zeros).

    `extra` holds members of the resource's `properties` that Teal does not know, `extra_top` those beside them; they
    are kept and returned.
    """

    location: str = "local"
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    auth_mode: AuthMode = AuthMode.KEY
    identity: Mapping[str, Any] | None = None
    traffic: Mapping[str, Percent] = field(default_factory=dict)
    mirror_traffic: Mapping[str, Percent] = field(default_factory=dict)
    public_network_access: str = "Enabled"
    compute: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    extra_top: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineEndpoint:
    """The stored endpoint. `generation` counts accepted changes from 1; times are epoch seconds."""

    workspace: WorkspaceId
    name: str
    spec: EndpointSpec
    generation: int
    created_at: float
    modified_at: float


@dataclass(frozen=True, slots=True)
class EndpointKeys:
    """The two keys of an endpoint; either is valid at any time, so one can be rotated while the other is in use."""

    primary: str
    secondary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointStatus:
    """Seen and derived; written by reconcile only. `in_force` is the spec of the last operation that succeeded."""

    in_force: EndpointSpec
    outcome: ProvisioningState = ProvisioningState.SUCCEEDED
    failure: Failure | None = None
    conditions: tuple[Condition, ...] = ()


def parse_auth_mode(text: str) -> AuthMode:
    """The auth mode in any case, with or without underscore (`spec/azureml.md` §1.1)."""
    wanted = text.replace("_", "").lower()
    for mode in AuthMode:
        if mode.lower() == wanted:
            return mode
    raise InvalidInput(f"'{text}' is not an auth_mode; use key, aml_token or aad_token.", target="auth_mode")


def check_endpoint(spec: EndpointSpec) -> None:
    """Refuse what this server cannot do, in words that say what it can."""
    check_remarks(spec.description, spec.tags, spec.properties)
    parse_endpoint_settings(spec.properties)
    if spec.compute is not None:
        raise Unsupported(
            "This server has no Kubernetes backend, so it cannot run Kubernetes endpoints.",
            target="compute",
            hint="Leave out 'compute' to create a managed online endpoint.",
        )
