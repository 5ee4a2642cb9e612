"""Where requests may go, in Envoy's words: a Cluster and its hosts for each deployment; called by `resources.py`.

Names are identity only (endpoint, deployment, shadow or not): limits and hosts change inside a cluster, so that its
statistics survive every change. Fields: https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/config/cluster/v3/cluster.proto
"""

from collections.abc import Sequence
from functools import cache, lru_cache

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster, LoadBalancingPolicy
from envoy.config.cluster.v3.outlier_detection_pb2 import OutlierDetection
from envoy.config.core.v3.address_pb2 import Address, SocketAddress
from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ApiVersion, ConfigSource
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.health_check_pb2 import HealthStatus
from envoy.config.core.v3.protocol_pb2 import Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint, LbEndpoint, LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.extensions.filters.http.upstream_codec.v3.upstream_codec_pb2 import UpstreamCodec
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.extensions.load_balancing_policies.least_request.v3.least_request_pb2 import LeastRequest
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions as UpstreamHttpOptions
from envoy.type.v3.percent_pb2 import Percent
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value

from teal.gateway.foreign import build_foreign_filter
from teal.gateway.model import Host, Target
from teal.gateway.packing import build_milliseconds, pack
from teal.gateway.retries import build_late_filter

# A larger body is answered normally and not copied: a shadow that stops reading pushes back on the live request as
# soon as the buffers are full, so they must hold the largest copied body.
MAX_MIRRORED_BODY_BYTES = 16 * 1024 * 1024

# Nobody waits for a copy's answer, so no route limits it: without this a frozen shadow would hold its copies for ever.
# 180 s is the longest request time a deployment may ask for (spec/azureml.md §1.2).
MAX_COPY_MS = 180_000

# Instances keep idle connections for at least 60 s; closing first means never writing to one that is being closed.
UPSTREAM_IDLE_S = 20
CONNECT_TIMEOUT_S = 2


def format_cluster_name(endpoint: str, deployment: str) -> str:
    return f"{endpoint}/{deployment}"


def format_shadow_name(endpoint: str, deployment: str) -> str:
    return f"{endpoint}/{deployment}/shadow"


def build_cluster(endpoint: str, target: Target, *, idempotent: bool) -> Cluster:
    """The cluster that answers clients."""
    cluster = _build_cluster(format_cluster_name(endpoint, target.deployment), target)
    options = HttpProtocolOptions(idle_timeout=Duration(seconds=UPSTREAM_IDLE_S))
    late = [build_late_filter()] if idempotent else []
    foreign = [build_foreign_filter()] if target.foreign else []
    _set_http_options(cluster, target, options, [*late, *foreign])
    return cluster


def build_mirror_buffer(max_mirrored_body_bytes: int) -> UInt32Value:
    """As large on both sides: the smaller one decides what a slow shadow can do to a live request."""
    return UInt32Value(value=max_mirrored_body_bytes + 1024 * 1024)


def build_shadow_cluster(endpoint: str, target: Target, max_mirrored_body_bytes: int) -> Cluster:
    """A second cluster over the same hosts, for copies: capped apart, so that copies never take a client's place."""
    cluster = _build_cluster(format_shadow_name(endpoint, target.deployment), target)
    cluster.per_connection_buffer_limit_bytes.CopyFrom(build_mirror_buffer(max_mirrored_body_bytes))
    options = HttpProtocolOptions(
        idle_timeout=Duration(seconds=UPSTREAM_IDLE_S),
        max_stream_duration=build_milliseconds(max(MAX_COPY_MS, target.request_timeout_ms)),
    )
    _set_http_options(cluster, target, options)
    return cluster


def build_hosts(cluster_name: str, hosts: tuple[Host, ...]) -> ClusterLoadAssignment:
    """The instances of a cluster. A draining one keeps its requests in hand and is chosen for no new one."""
    ordered = sorted(hosts, key=lambda host: host.instance_id)
    return ClusterLoadAssignment(
        cluster_name=cluster_name,
        endpoints=[LocalityLbEndpoints(lb_endpoints=[_build_host(host) for host in ordered])] if ordered else [],
    )


@cache
def build_ads_source() -> ConfigSource:
    """`Ask on the one stream`, for every kind of resource that refers to another one.

    No fetch timeout: when the control plane is silent, waiting is right, and starting half-configured is not.
    """
    return ConfigSource(
        ads=AggregatedConfigSource(), resource_api_version=ApiVersion.V3, initial_fetch_timeout=Duration(seconds=0)
    )


# --- private

# Far beyond any deployment: requests are what is limited, connections follow from them.
_UNLIMITED = 1_000_000


def _build_cluster(name: str, target: Target) -> Cluster:
    cluster = Cluster()
    cluster.CopyFrom(_build_nameless(target.max_in_flight, has_sisters=target.instances > 1))
    cluster.name = name
    return cluster


# Thousands of clusters differ in little more than their names, and are all built at every start.
@lru_cache(maxsize=256)
def _build_nameless(max_in_flight: int, *, has_sisters: bool) -> Cluster:
    return Cluster(
        type=Cluster.DiscoveryType.EDS,
        eds_cluster_config=Cluster.EdsClusterConfig(eds_config=build_ads_source()),
        connect_timeout=Duration(seconds=CONNECT_TIMEOUT_S),
        load_balancing_policy=_build_least_request(),
        common_lb_config=Cluster.CommonLbConfig(
            # Panic mode is off: a draining host stays without new requests even when there is no other.
            healthy_panic_threshold=Percent(value=0),
            # By default Envoy merges changes of health for a second, and goes on choosing a host that it passes over.
            update_merge_window=Duration(seconds=0),
        ),
        # It costs memory, and time for each cluster every two seconds.
        outlier_detection=_build_outlier_detection() if has_sisters else None,
        circuit_breakers=CircuitBreakers(
            thresholds=[
                CircuitBreakers.Thresholds(
                    max_requests=UInt32Value(value=max_in_flight),
                    max_pending_requests=UInt32Value(value=max_in_flight),
                    max_retries=UInt32Value(value=max_in_flight),
                    max_connections=UInt32Value(value=_UNLIMITED),
                )
            ]
        ),
    )


def _build_least_request() -> LoadBalancingPolicy:
    # All hosts are looked at, not two at random: with one request at a time per instance, an idle one must be found.
    policy = LeastRequest(selection_method=LeastRequest.SelectionMethod.FULL_SCAN)
    extension = TypedExtensionConfig(name="envoy.load_balancing_policies.least_request", typed_config=pack(policy))
    return LoadBalancingPolicy(policies=[LoadBalancingPolicy.Policy(typed_extension_config=extension)])


def _build_outlier_detection() -> OutlierDetection:
    """A host that refuses connections is passed over for a moment, so that retries and new requests find another one.

    Needed because a dead host has the fewest requests. Only failed connections (and timeouts without a single success
    in between) count, never an instance's answers: health is Teal's to judge. Three, so that one request's own retries
    suffice. Below 100 percent, a host without a sister is never passed over. A host that Teal takes out and brings back
    starts afresh. It is passed over at once; the interval is how often Envoy looks whether to bring one back, which it
    does for every cluster apart, used or not.
    """
    off = UInt32Value(value=0)
    return OutlierDetection(
        split_external_local_origin_errors=True,
        consecutive_local_origin_failure=UInt32Value(value=3),
        enforcing_consecutive_local_origin_failure=UInt32Value(value=100),
        enforcing_local_origin_success_rate=off,
        enforcing_consecutive_5xx=off,
        enforcing_consecutive_gateway_failure=off,
        enforcing_success_rate=off,
        enforcing_failure_percentage=off,
        enforcing_failure_percentage_local_origin=off,
        max_ejection_percent=UInt32Value(value=99),
        interval=Duration(seconds=2),
        base_ejection_time=Duration(seconds=5),
        max_ejection_time=Duration(seconds=60),
    )


def _set_http_options(
    cluster: Cluster, target: Target, options: HttpProtocolOptions, filters: Sequence[HttpFilter] = ()
) -> None:
    Explicit = UpstreamHttpOptions.ExplicitHttpConfig
    upstream = UpstreamHttpOptions(
        common_http_protocol_options=options,
        explicit_http_config=Explicit(http2_protocol_options=Http2ProtocolOptions())
        if target.http2
        else Explicit(http_protocol_options=Http1ProtocolOptions()),
        http_filters=[*filters, _build_codec()] if filters else (),
    )
    key = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    cluster.typed_extension_protocol_options[key].CopyFrom(pack(upstream))


def _build_codec() -> HttpFilter:
    return HttpFilter(name="envoy.filters.http.upstream_codec", typed_config=pack(UpstreamCodec()))


def _build_host(host: Host) -> LbEndpoint:
    return LbEndpoint(
        # `hostname` is a label here: it comes back in Envoy's host statistics, which is how they are told apart.
        endpoint=Endpoint(
            hostname=host.instance_id,
            address=Address(socket_address=SocketAddress(address=host.address, port_value=host.port)),
        ),
        health_status=HealthStatus.DRAINING if host.draining else HealthStatus.HEALTHY,
    )
