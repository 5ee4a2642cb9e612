"""Online endpoints: entity to ARM body and back (spec/wire.md §3.6). Pure; used by sdk/operations/endpoints.py."""

from collections.abc import Mapping
from typing import Any

from teal.sdk.entities.endpoints import (
    EndpointAuthKeys,
    EndpointAuthToken,
    KubernetesOnlineEndpoint,
    ManagedOnlineEndpoint,
    OnlineEndpoint,
)
from teal.sdk.entities.identities import IdentityConfiguration, ManagedIdentityConfiguration
from teal.sdk.wire.fields import as_map, build_texts, pascal, snake, without_none


def build_endpoint(endpoint: OnlineEndpoint, *, location: str) -> dict[str, Any]:
    """The whole object, as PUT sends it."""
    properties = without_none(
        description=endpoint.description,
        authMode=build_auth_mode(endpoint.auth_mode),
        properties=build_texts(endpoint.properties),
        traffic=build_traffic(endpoint.traffic),
        mirrorTraffic=build_traffic(endpoint.mirror_traffic),
    )
    if isinstance(endpoint, ManagedOnlineEndpoint) and endpoint.public_network_access:
        properties["publicNetworkAccess"] = pascal(endpoint.public_network_access)
    if isinstance(endpoint, KubernetesOnlineEndpoint) and endpoint.compute:
        properties["compute"] = endpoint.compute
    return {
        "location": endpoint.location or location,
        "tags": build_texts(endpoint.tags),
        "identity": _build_identity(endpoint.identity),
        "properties": properties,
    }


def build_traffic(traffic: Mapping[str, float]) -> dict[str, float]:
    """Names in lower case, entries of zero left out (spec/azureml.md §1.1)."""
    shares = {name.lower(): float(percent) for name, percent in traffic.items()}
    return {name: int(share) if share.is_integer() else share for name, share in shares.items() if share}


def build_auth_mode(mode: str) -> str:
    """`aml_token` → `AMLToken`; any case of either spelling is understood."""
    return _AUTH_MODES.get(mode.lower().replace("_", ""), mode)


def parse_endpoint(resource: Mapping[str, Any]) -> OnlineEndpoint:
    """The entity in an answer."""
    properties = as_map(resource.get("properties"))
    common: dict[str, Any] = {
        "id": resource.get("id"),
        "name": resource.get("name"),
        "tags": as_map(resource.get("tags")),
        "properties": as_map(properties.get("properties")),
        "auth_mode": _YAML_AUTH_MODES.get(str(properties.get("authMode")), str(properties.get("authMode") or "key")),
        "description": properties.get("description"),
        "location": resource.get("location"),
        "traffic": as_map(properties.get("traffic")),
        "mirror_traffic": as_map(properties.get("mirrorTraffic")),
        "identity": _parse_identity(resource.get("identity")),
        "kind": resource.get("kind"),
        "scoring_uri": properties.get("scoringUri"),
        "openapi_uri": properties.get("swaggerUri"),
        "provisioning_state": properties.get("provisioningState"),
    }
    if properties.get("compute"):
        return KubernetesOnlineEndpoint(compute=properties["compute"], **common)
    access = properties.get("publicNetworkAccess")
    return ManagedOnlineEndpoint(public_network_access=str(access).lower() if access else None, **common)


def parse_keys(body: Mapping[str, Any]) -> EndpointAuthKeys:
    """The answer of listKeys."""
    return EndpointAuthKeys(primary_key=body.get("primaryKey"), secondary_key=body.get("secondaryKey"))


def parse_token(body: Mapping[str, Any]) -> EndpointAuthToken:
    """The answer of token."""
    return EndpointAuthToken(
        access_token=body.get("accessToken"),
        expiry_time_utc=int(body.get("expiryTimeUtc") or 0),
        refresh_after_time_utc=int(body.get("refreshAfterTimeUtc") or 0),
        token_type=body.get("tokenType"),
    )


# --- private

_AUTH_MODES = {"key": "Key", "amltoken": "AMLToken", "aadtoken": "AADToken"}
_YAML_AUTH_MODES = {"Key": "key", "AMLToken": "aml_token", "AADToken": "aad_token"}


def _build_identity(identity: IdentityConfiguration | None) -> dict[str, Any]:
    if identity is None:
        return {"type": "SystemAssigned"}
    body: dict[str, Any] = {"type": pascal(identity.type)}
    ids = [each.resource_id for each in identity.user_assigned_identities if each.resource_id]
    if ids:
        body["userAssignedIdentities"] = {each: {} for each in ids}
    return body


def _parse_identity(body: Any) -> IdentityConfiguration | None:
    if not body:
        return None
    assigned = as_map(body.get("userAssignedIdentities"))
    return IdentityConfiguration(
        type=snake(str(body.get("type", "SystemAssigned"))),
        principal_id=body.get("principalId"),
        tenant_id=body.get("tenantId"),
        user_assigned_identities=[
            ManagedIdentityConfiguration(
                resource_id=resource_id,
                client_id=as_map(details).get("clientId"),
                principal_id=as_map(details).get("principalId"),
            )
            for resource_id, details in assigned.items()
        ],
    )
