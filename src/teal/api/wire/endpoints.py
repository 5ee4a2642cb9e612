"""Online endpoints: ARM JSON <-> domain values (`spec/wire.md` §3.6). Pure; called by api/endpoints.py."""

import uuid
from collections.abc import Mapping
from typing import Any

from teal.api.wire.members import Members
from teal.api.wire.patches import merge_extra
from teal.api.wire.resources import (
    SAID_AT_TOP,
    SAID_IN_PROPERTIES,
    format_conditions,
    format_failure,
    format_system_data,
    format_type,
)
from teal.control.endpoints import EndpointView
from teal.domain.endpoints import AuthMode, EndpointKeys, EndpointSpec, OnlineEndpoint, parse_auth_mode
from teal.domain.resource_ids import format_endpoint_id
from teal.domain.states import ProvisioningState
from teal.domain.tokens import TokenClaims

ID_PROPERTY = "azureml.onlineendpointid"


def parse_endpoint(body: object) -> EndpointSpec:
    """The whole wanted endpoint in a PUT body, or in a stored body with a patch applied."""
    top = Members(body)
    top.drop(*SAID_AT_TOP)
    members = Members(top.mapping("properties") or {}, "properties")
    members.drop("provisioningState", "provisioningError", "scoringUri", "swaggerUri", "observed", "keys")
    mode = members.text("authMode")
    described = members.texts("properties")
    return EndpointSpec(
        location=top.text("location") or "local",
        description=members.text("description"),
        tags=top.texts("tags"),
        properties={k: v for k, v in described.items() if k not in (*SAID_IN_PROPERTIES, ID_PROPERTY)},
        auth_mode=parse_auth_mode(mode) if mode else AuthMode.KEY,
        identity=_parse_identity(top.mapping("identity")),
        traffic=members.numbers("traffic"),
        mirror_traffic=members.numbers("mirrorTraffic"),
        public_network_access=_capitalised(members.text("publicNetworkAccess") or "Enabled"),
        compute=members.text("compute"),
        extra=members.rest(),
        extra_top=top.rest(),
    )


def format_endpoint(view: EndpointView, gateway_url: str) -> dict[str, Any]:
    """The resource as people read it."""
    endpoint, status = view.endpoint, view.status
    body = format_wanted(endpoint.spec)
    id = format_endpoint_id(endpoint.workspace, endpoint.name)
    said: dict[str, Any] = {
        "provisioningState": str(view.state),
        "scoringUri": f"{gateway_url}/endpoints/{endpoint.name}/score",
        "swaggerUri": f"{gateway_url}/endpoints/{endpoint.name}/swagger.json",
        "observed": {"conditions": format_conditions(status.conditions if status else ())},
    }
    if status and status.failure and view.state is ProvisioningState.FAILED:
        said["provisioningError"] = format_failure(status.failure)
    properties = {**body["properties"], **said}
    properties["properties"] = {**properties["properties"], ID_PROPERTY: id.lower()}
    return {
        **body,
        "id": id,
        "name": endpoint.name,
        "type": format_type("onlineEndpoints"),
        "kind": "Managed",
        "identity": _format_identity(endpoint),
        "systemData": format_system_data(endpoint.created_at, endpoint.modified_at),
        "properties": properties,
    }


def format_wanted(spec: EndpointSpec) -> dict[str, Any]:
    """Only what people write: the body that a merge patch is applied to."""
    known: dict[str, Any] = {
        "authMode": str(spec.auth_mode),
        "properties": dict(spec.properties),
        "traffic": dict(spec.traffic),
        "mirrorTraffic": dict(spec.mirror_traffic),
        "publicNetworkAccess": spec.public_network_access,
    }
    if spec.description is not None:
        known["description"] = spec.description
    if spec.compute is not None:
        known["compute"] = spec.compute
    body: dict[str, Any] = {
        **spec.extra_top,
        "location": spec.location,
        "tags": dict(spec.tags),
        "properties": merge_extra(known, spec.extra),
    }
    if spec.identity is not None:
        body["identity"] = dict(spec.identity)
    return body


def format_keys(keys: EndpointKeys) -> dict[str, str]:
    return {"primaryKey": keys.primary, "secondaryKey": keys.secondary}


def format_token(token: str, claims: TokenClaims) -> dict[str, Any]:
    return {
        "accessToken": token,
        "expiryTimeUtc": claims.expires_at,
        "refreshAfterTimeUtc": claims.refresh_after,
        "tokenType": "Bearer",
    }


# --- private


def _parse_identity(identity: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if identity is None:
        return None
    return {k: v for k, v in identity.items() if k not in ("principalId", "tenantId") and v is not None}


def _format_identity(endpoint: OnlineEndpoint) -> dict[str, Any]:
    identity = dict(endpoint.spec.identity or {"type": "SystemAssigned"})
    if "systemassigned" in str(identity.get("type", "")).replace("_", "").lower():
        id = format_endpoint_id(endpoint.workspace, endpoint.name).lower()
        identity["principalId"] = str(uuid.uuid5(uuid.NAMESPACE_URL, id))
        identity["tenantId"] = str(uuid.uuid5(uuid.NAMESPACE_URL, endpoint.workspace.subscription.lower()))
    return identity


def _capitalised(word: str) -> str:
    return word[:1].upper() + word[1:]
