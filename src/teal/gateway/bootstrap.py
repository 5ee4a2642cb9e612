"""What Envoy is told at its start: where it listens, and where everything else comes from; for `envoy_process.py`.

Fields: https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/config/bootstrap/v3/bootstrap.proto
"""

from pathlib import Path

from envoy.config.bootstrap.v3.bootstrap_pb2 import Admin, Bootstrap, ClusterManager, LayeredRuntime, RuntimeLayer
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.address_pb2 import Address, Pipe
from envoy.config.core.v3.backoff_pb2 import BackoffStrategy
from envoy.config.core.v3.base_pb2 import Node, RetryPolicy
from envoy.config.core.v3.config_source_pb2 import ApiConfigSource, ApiVersion
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.core.v3.protocol_pb2 import Http2ProtocolOptions
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint, LbEndpoint, LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.metrics.v3.stats_pb2 import StatsConfig, StatsMatcher
from envoy.config.overload.v3.overload_pb2 import OverloadManager, ResourceMonitor
from envoy.extensions.resource_monitors.downstream_connections.v3.downstream_connections_pb2 import (
    DownstreamConnectionsConfig,
)
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import ListStringMatcher, StringMatcher
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct

from teal.gateway.clusters import build_ads_source
from teal.gateway.listener import Door, build_listener
from teal.gateway.packing import pack

CONTROL_PLANE = "teal-control-plane"
SOCKET_MODE = 0o600
# Beyond this, a new connection is closed at once, and those that are there go on.
MAX_CONNECTIONS = 20_000


def build_bootstrap(
    *, node_id: str, door: Door, xds_socket: Path, admin_socket: Path, max_connections: int = MAX_CONNECTIONS
) -> Bootstrap:
    """A listener, the stream to the control plane, and an admin socket for this user only (it shows keys)."""
    bootstrap = Bootstrap(
        node=Node(id=node_id, cluster="teal"),
        admin=Admin(address=_pipe(admin_socket)),
        # Counters of a cluster are made when it is used first; most of Envoy's memory would be theirs otherwise. Those
        # that cannot wait and that nobody asks for are not made at all, and workers meet a cluster when they need it.
        deferred_stat_options=Bootstrap.DeferredStatOptions(enable_deferred_creation_stats=True),
        stats_config=StatsConfig(stats_matcher=StatsMatcher(exclusion_list=_build_unwanted_stats())),
        cluster_manager=ClusterManager(enable_deferred_cluster_creation=True),
        overload_manager=_build_overload_manager(max_connections),
        layered_runtime=_build_runtime(),
        dynamic_resources=Bootstrap.DynamicResources(ads_config=_build_ads(), cds_config=build_ads_source()),
    )
    bootstrap.static_resources.listeners.append(build_listener(door))
    bootstrap.static_resources.clusters.append(_build_control_plane_cluster(xds_socket))
    return bootstrap


# --- private

_UNWANTED_STATS = (
    r"cluster\.[^.]*/.*\.(outlier_detection\..*|lb_.*|circuit_breakers\..*|default\.total_match_count|assignment_.*"
    r"|init_fetch_timeout|max_host_weight|membership_.*|update_.*|version.*|warming_state|upstream_internal.*"
    r"|original_dst.*|.*_canary.*)",
    r"http\.gateway\.rds\..*\.(config_reload.*|init_fetch.*|update_(attempt|duration|empty|failure|rejected|time)|version.*)",
)


def _build_unwanted_stats() -> ListStringMatcher:
    return ListStringMatcher(
        patterns=[StringMatcher(safe_regex=RegexMatcher(regex=regex)) for regex in _UNWANTED_STATS]
    )


def _build_runtime() -> LayeredRuntime:
    strict = Struct()
    strict.update(
        {
            # Bodies in chunks are read to the letter: what ends a line is not left to taste.
            "envoy.reloadable_features.strict_chunk_parsing": True,
            # Of one connection, before the others have their turn: thousands may have come at once (CVE-2023-44487).
            "http.max_requests_per_io_cycle": 16,
        }
    )
    return LayeredRuntime(layers=[RuntimeLayer(name="static", static_layer=strict)])


def _build_overload_manager(max_connections: int) -> OverloadManager:
    limit = DownstreamConnectionsConfig(max_active_downstream_connections=max_connections)
    monitor = ResourceMonitor(
        name="envoy.resource_monitors.global_downstream_max_connections", typed_config=pack(limit)
    )
    return OverloadManager(resource_monitors=[monitor])


def _build_ads() -> ApiConfigSource:
    # Envoy's own back-off grows to half a minute; a control plane that is back must be found at once.
    back_off = BackoffStrategy(base_interval=Duration(nanos=100_000_000), max_interval=Duration(seconds=1))
    return ApiConfigSource(
        api_type=ApiConfigSource.ApiType.DELTA_GRPC,
        transport_api_version=ApiVersion.V3,
        set_node_on_first_message_only=True,
        grpc_services=[
            GrpcService(
                envoy_grpc=GrpcService.EnvoyGrpc(
                    cluster_name=CONTROL_PLANE, retry_policy=RetryPolicy(retry_back_off=back_off)
                )
            )
        ],
    )


def _build_control_plane_cluster(xds_socket: Path) -> Cluster:
    endpoint = LbEndpoint(endpoint=Endpoint(address=_pipe(xds_socket)))
    cluster = Cluster(
        name=CONTROL_PLANE,
        type=Cluster.DiscoveryType.STATIC,
        connect_timeout=Duration(seconds=1),
        load_assignment=ClusterLoadAssignment(
            cluster_name=CONTROL_PLANE, endpoints=[LocalityLbEndpoints(lb_endpoints=[endpoint])]
        ),
    )
    http2 = HttpProtocolOptions(
        explicit_http_config=HttpProtocolOptions.ExplicitHttpConfig(http2_protocol_options=Http2ProtocolOptions())
    )
    key = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    cluster.typed_extension_protocol_options[key].CopyFrom(pack(http2))
    return cluster


def _pipe(path: Path) -> Address:
    return Address(pipe=Pipe(path=str(path), mode=SOCKET_MODE))
