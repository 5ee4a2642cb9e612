"""How connections of clients are served, in Envoy's words: HTTP/1.1 and HTTP/2, routes by scope; for `listener.py`.

Fields: https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from envoy.config.common.mutation_rules.v3.mutation_rules_pb2 import HeaderMutation
from envoy.config.core.v3.address_pb2 import CidrRange
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.protocol_pb2 import Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
    ScopedRds,
    ScopedRoutes,
)
from envoy.extensions.http.early_header_mutation.header_mutation.v3.header_mutation_pb2 import (
    HeaderMutation as HeaderMutations,
)
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from teal.gateway import headers
from teal.gateway.access_log import build_access_log
from teal.gateway.clusters import build_ads_source
from teal.gateway.limits import build_limit_filters
from teal.gateway.packing import pack
from teal.gateway.replies import build_local_replies
from teal.gateway.routes import HOST_SCOPE
from teal.gateway.splits import build_split_filter
from teal.gateway.tokens import build_token_filters

LISTENER_NAME = "gateway"


class Style(StrEnum):
    """Where a request names its endpoint."""

    PATH = "path"  # http://host/endpoints/<name>/score
    HOST = "host"  # https://<name>.<domain>/score


def build_connections(style: Style, access_log: Path | None, token_keys: str | None = None) -> Filter:
    """How one kind of address is served; only the way to an endpoint's routes differs between them."""
    manager = HttpConnectionManager(
        stat_prefix=LISTENER_NAME,
        access_log=[build_access_log(access_log)] if access_log else [],
        codec_type=HttpConnectionManager.CodecType.AUTO,
        scoped_routes=_build_scoped_routes(style),
        early_header_mutation_extensions=[_build_early_headers(style)],
        http_filters=[
            *build_token_filters(token_keys),
            *build_limit_filters(),
            build_split_filter(),
            _build_router(),
        ],
        local_reply_config=build_local_replies(),
        common_http_protocol_options=HttpProtocolOptions(idle_timeout=Duration(seconds=_DOWNSTREAM_IDLE_S)),
        # Silence is limited per deployment (`clusters.py`); a limit here would cut long answers.
        stream_idle_timeout=Duration(seconds=0),
        request_headers_timeout=Duration(seconds=_REQUEST_HEADERS_S),
        # An edge: no caller, not even on this machine, may choose the request id or steer Envoy by x-envoy-* headers.
        use_remote_address=BoolValue(value=True),
        internal_address_config=HttpConnectionManager.InternalAddressConfig(cidr_ranges=[_NOBODY]),
        generate_request_id=BoolValue(value=True),
        always_set_request_id_in_response=True,
        server_name="teal",
        # Overwritten: what an instance runs on is nobody's business.
        server_header_transformation=HttpConnectionManager.ServerHeaderTransformation.OVERWRITE,
        # One spelling of a path, so that no endpoint's rules are passed by on the way to another's.
        normalize_path=BoolValue(value=True),
        http_protocol_options=_build_http1(),
        http2_protocol_options=_build_http2(),
    )
    return Filter(name="envoy.filters.network.http_connection_manager", typed_config=pack(manager))


# --- private

_DOWNSTREAM_IDLE_S = 3600
_REQUEST_HEADERS_S = 30

# An empty list would mean the private ranges.
_NOBODY = CidrRange(address_prefix="255.255.255.255", prefix_len=UInt32Value(value=32))


def _build_http1() -> Http1ProtocolOptions:
    # Trailers say how long a chunked answer was delayed. Some generators of load and health checks still speak 1.0.
    return Http1ProtocolOptions(enable_trailers=True, accept_http_10=True, default_host_for_http_10=LISTENER_NAME)


def _build_http2() -> Http2ProtocolOptions:
    # Envoy's own windows allow one connection 24 MiB of bodies that nobody has asked for yet.
    return Http2ProtocolOptions(
        max_concurrent_streams=UInt32Value(value=512),
        initial_stream_window_size=UInt32Value(value=1024 * 1024),
        initial_connection_window_size=UInt32Value(value=8 * 1024 * 1024),
    )


@dataclass(frozen=True, slots=True)
class _Scope:
    """What names the endpoint: this part of a text, cut at a separator."""

    source: str
    separator: str
    index: int


_SCOPES = {
    # "/endpoints/<name>/score": 0 is empty, 1 is "endpoints", 2 is the name. Without the query, which may follow it.
    Style.PATH: _Scope("%PATH(NQ)%", "/", 2),
    # "<name>.<domain>", told apart from names in paths by what stands in front.
    Style.HOST: _Scope(f"{HOST_SCOPE}%REQ(:AUTHORITY)%", ".", 0),
}


def _build_early_headers(style: Style) -> TypedExtensionConfig:
    """Before anything is decided: a client's own copies of our headers go, and what names the endpoint is set apart."""
    mutations = HeaderMutations(
        mutations=[
            HeaderMutation(remove=headers.SPLIT),
            HeaderMutation(remove=headers.ORIGINAL_PATH),
            HeaderMutation(append=headers.overwrite(headers.SCOPE, _SCOPES[style].source)),
        ]
    )
    return TypedExtensionConfig(name="envoy.http.early_header_mutation.header_mutation", typed_config=pack(mutations))


def _build_router() -> HttpFilter:
    # None of Envoy's own headers on answers; the one that instances read is put on by the routes. Envoy's counters of
    # statuses and times by deployment cost each request as much as its line in the access log, which has both.
    router = Router(suppress_envoy_headers=True, dynamic_stats=BoolValue(value=False))
    return HttpFilter(name="envoy.filters.http.router", typed_config=pack(router))


def _build_scoped_routes(style: Style) -> ScopedRoutes:
    Builder = ScopedRoutes.ScopeKeyBuilder
    Extractor = Builder.FragmentBuilder.HeaderValueExtractor
    scope = _SCOPES[style]
    extractor = Extractor(name=headers.SCOPE, element_separator=scope.separator, index=scope.index)
    by_segment = Builder.FragmentBuilder(header_value_extractor=extractor)
    return ScopedRoutes(
        name=f"{LISTENER_NAME}-{style}",
        scope_key_builder=Builder(fragments=[by_segment]),
        rds_config_source=build_ads_source(),
        scoped_rds=ScopedRds(scoped_rds_config_source=build_ads_source()),
    )
