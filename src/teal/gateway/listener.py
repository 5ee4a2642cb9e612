"""The door of the data plane, in Envoy's words: one listener, HTTP/1.1 and HTTP/2, routes by scope; for `bootstrap.py`.

Fields: https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto
"""

from envoy.config.common.mutation_rules.v3.mutation_rules_pb2 import HeaderMutation
from envoy.config.core.v3.address_pb2 import Address, CidrRange, SocketAddress
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.protocol_pb2 import HttpProtocolOptions
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
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
from teal.gateway.clusters import MIRROR_BUFFER_BYTES, build_ads_source
from teal.gateway.limits import build_limit_filters
from teal.gateway.packing import pack
from teal.gateway.replies import build_local_replies
from teal.gateway.splits import build_split_filter

LISTENER_NAME = "gateway"


def build_listener(host: str, port: int) -> Listener:
    """Listens on exactly this address; it is not shared, so that a second server on the same port fails loudly."""
    connection_manager = Filter(
        name="envoy.filters.network.http_connection_manager", typed_config=pack(_build_connection_manager())
    )
    return Listener(
        name=LISTENER_NAME,
        address=Address(socket_address=SocketAddress(address=host, port_value=port)),
        filter_chains=[FilterChain(filters=[connection_manager])],
        enable_reuse_port=BoolValue(value=False),
        # With one shared socket, a fair division of the connections among the workers has to be asked for.
        connection_balance_config=Listener.ConnectionBalanceConfig(
            exact_balance=Listener.ConnectionBalanceConfig.ExactBalance()
        ),
        # As much as the shadow clusters: the smaller of the two decides what a slow shadow can do to a live request.
        per_connection_buffer_limit_bytes=UInt32Value(value=MIRROR_BUFFER_BYTES),
    )


# --- private

_DOWNSTREAM_IDLE_S = 3600
_REQUEST_HEADERS_S = 30

# An empty list would mean the private ranges.
_NOBODY = CidrRange(address_prefix="255.255.255.255", prefix_len=UInt32Value(value=32))


def _build_connection_manager() -> HttpConnectionManager:
    return HttpConnectionManager(
        stat_prefix=LISTENER_NAME,
        codec_type=HttpConnectionManager.CodecType.AUTO,
        scoped_routes=_build_scoped_routes(),
        early_header_mutation_extensions=[_build_early_headers()],
        http_filters=[*build_limit_filters(), build_split_filter(), _build_router()],
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
        server_header_transformation=HttpConnectionManager.ServerHeaderTransformation.APPEND_IF_ABSENT,
    )


def _build_early_headers() -> TypedExtensionConfig:
    """Before anything is decided: a client's own copies of our headers go, and the path is set apart from its query."""
    mutations = HeaderMutations(
        mutations=[
            HeaderMutation(remove=headers.SPLIT),
            HeaderMutation(append=headers.overwrite(headers.SCOPE, "%PATH(NQ)%")),
        ]
    )
    return TypedExtensionConfig(name="envoy.http.early_header_mutation.header_mutation", typed_config=pack(mutations))


def _build_router() -> HttpFilter:
    # None of Envoy's own headers on answers; the one that instances read is put on by the routes.
    return HttpFilter(name="envoy.filters.http.router", typed_config=pack(Router(suppress_envoy_headers=True)))


def _build_scoped_routes() -> ScopedRoutes:
    Builder = ScopedRoutes.ScopeKeyBuilder
    Extractor = Builder.FragmentBuilder.HeaderValueExtractor
    # "/endpoints/<name>/score" split at "/": 0 is empty, 1 is "endpoints", 2 is the name.
    extractor = Extractor(name=headers.SCOPE, element_separator="/", index=2)
    by_segment = Builder.FragmentBuilder(header_value_extractor=extractor)
    return ScopedRoutes(
        name=LISTENER_NAME,
        scope_key_builder=Builder(fragments=[by_segment]),
        rds_config_source=build_ads_source(),
        scoped_rds=ScopedRds(scoped_rds_config_source=build_ads_source()),
    )
