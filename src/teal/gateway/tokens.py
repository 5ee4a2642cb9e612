"""Tokens instead of keys: checked by Envoy against the server's public key; for `connections.py` and `routes.py`.

Two filters, off except where an endpoint takes tokens: the first reads the token of a request, and lets a missing, an
expired or a forged one pass without a word; the second lets only those in whose token was good and made for this very
endpoint. They run before anything else, so whoever has no token learns nothing and takes nothing from those who have.
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/jwt_authn_filter
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/rbac_filter
"""

from collections.abc import Mapping

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.rbac.v3.rbac_pb2 import RBAC as Rules
from envoy.config.rbac.v3.rbac_pb2 import MetadataSource, Permission, Policy, Principal, SourcedMetadata
from envoy.extensions.filters.http.jwt_authn.v3.config_pb2 import (
    JwtAuthentication,
    JwtCacheConfig,
    JwtProvider,
    JwtRequirement,
    JwtRequirementOrList,
    PerRouteConfig,
)
from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC, RBACPerRoute
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from envoy.type.matcher.v3.value_pb2 import ValueMatcher
from google.protobuf.any_pb2 import Any
from google.protobuf.empty_pb2 import Empty

from teal.domain.tokens import ISSUER
from teal.gateway.model import EndpointModel
from teal.gateway.packing import pack

TOKEN_ISSUER = "teal"
CACHED_TOKENS = 1000
CLOCK_SKEW_S = 1


def build_token_filters(jwks: str | None) -> list[HttpFilter]:
    """Both, off; none where the server has no key for tokens, and then nobody gets in by one."""
    read = JwtAuthentication()
    if jwks is not None:
        read.providers[_PROVIDER].CopyFrom(_build_provider(jwks))
        allow = JwtRequirementOrList(
            requirements=[JwtRequirement(provider_name=_PROVIDER), JwtRequirement(allow_missing_or_failed=Empty())]
        )
        read.requirement_map[_REQUIREMENT].CopyFrom(JwtRequirement(requires_any=allow))
    return [
        HttpFilter(name=_READ, typed_config=pack(read), disabled=True),
        HttpFilter(name=_ADMIT, typed_config=pack(RBAC()), disabled=True),
    ]


def build_token_rules(model: EndpointModel) -> Mapping[str, Any]:
    """What an endpoint that takes tokens turns on, by filter."""
    if model.token_audience is None:
        return {}
    return {
        _READ: pack(PerRouteConfig(requirement_name=_REQUIREMENT)),
        _ADMIT: pack(RBACPerRoute(rbac=RBAC(rules=_build_rules(model.token_audience)))),
    }


# --- private

_PROVIDER = "teal"
_REQUIREMENT = "token"
_READ = "envoy.filters.http.jwt_authn"  # also the name under which it leaves what it has read
_ADMIT = "teal.token"
_PAYLOAD = "payload"


def _build_provider(jwks: str) -> JwtProvider:
    return JwtProvider(
        issuer=ISSUER,
        local_jwks=DataSource(inline_string=jwks),
        payload_in_metadata=_PAYLOAD,
        require_expiration=True,
        clock_skew_seconds=CLOCK_SKEW_S,
        jwt_cache_config=JwtCacheConfig(jwt_cache_size=CACHED_TOKENS),
    )


def _build_rules(audience: str) -> Rules:
    read = MetadataMatcher(
        filter=_READ,
        path=[MetadataMatcher.PathSegment(key=key) for key in (_PAYLOAD, "aud")],
        value=ValueMatcher(string_match=StringMatcher(exact=audience)),
    )
    holder = Principal(sourced_metadata=SourcedMetadata(metadata_matcher=read, metadata_source=MetadataSource.DYNAMIC))
    return Rules(
        action=Rules.Action.ALLOW,
        policies={"token": Policy(permissions=[Permission(any=True)], principals=[holder])},
    )
