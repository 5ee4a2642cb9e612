"""What one endpoint may use: requests a second, bandwidth, size of a body; for `listener.py` and `routes.py`.

The filters are there once and off; the virtual host of an endpoint with limits turns on what it needs, so all its
routes draw from one bucket, and a change of limits is a change of routes. Refusals are turned away before they count.
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/local_rate_limit_filter
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/bandwidth_limit_filter
"""

from collections.abc import Mapping

from envoy.config.core.v3.base_pb2 import RuntimeFeatureFlag, RuntimeFractionalPercent
from envoy.config.route.v3.route_components_pb2 import FilterConfig
from envoy.extensions.filters.http.bandwidth_limit.v3.bandwidth_limit_pb2 import BandwidthLimit
from envoy.extensions.filters.http.buffer.v3.buffer_pb2 import Buffer, BufferPerRoute
from envoy.extensions.filters.http.local_ratelimit.v3.local_rate_limit_pb2 import LocalRateLimit
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.type.v3.percent_pb2 import FractionalPercent
from envoy.type.v3.token_bucket_pb2 import TokenBucket
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value, UInt64Value

from teal.gateway.model import EndpointModel
from teal.gateway.packing import build_milliseconds, pack

# The trailers of delayed answers are `ms-azureml-bandwidth-request-delay-ms` and the like (spec/azureml.md §1.5).
TRAILER_PREFIX = "ms-azureml"

_RATE = "teal.rate"
_BANDWIDTH = "teal.bandwidth"
_SIZE = "teal.size"


def build_limit_filters() -> list[HttpFilter]:
    """All of them, off."""
    off: dict[str, Message] = {
        _RATE: LocalRateLimit(stat_prefix="rate"),
        _BANDWIDTH: BandwidthLimit(stat_prefix="bandwidth"),
        _SIZE: Buffer(max_request_bytes=UInt32Value(value=1)),
    }
    return [HttpFilter(name=name, typed_config=pack(config), disabled=True) for name, config in off.items()]


def build_limits(model: EndpointModel) -> Mapping[str, Any]:
    """What an endpoint turns on, by filter."""
    limits = model.limits
    on: dict[str, Any] = {}
    if limits.requests_per_s is not None:
        on[_RATE] = pack(_build_rate(limits.requests_per_s))
    if limits.bandwidth_kib_per_s is not None:
        on[_BANDWIDTH] = pack(_build_bandwidth(model, limits.bandwidth_kib_per_s))
    if limits.max_request_bytes is not None:
        on[_SIZE] = pack(BufferPerRoute(buffer=Buffer(max_request_bytes=UInt32Value(value=limits.max_request_bytes))))
    return on


def build_no_limits(model: EndpointModel) -> Mapping[str, Any]:
    """For routes that refuse: whoever has no key takes nothing from those who have."""
    return {name: pack(FilterConfig(disabled=True)) for name in build_limits(model)}


# --- private

_EVERY_REQUEST = RuntimeFractionalPercent(
    default_value=FractionalPercent(numerator=100, denominator=FractionalPercent.HUNDRED)
)


def _build_rate(requests_per_s: int) -> LocalRateLimit:
    # A second's worth at once, then evenly: a tenth of it ten times a second, one by one where that is less than one.
    fills_per_s = min(10, requests_per_s)
    while requests_per_s % fills_per_s:
        fills_per_s -= 1
    bucket = TokenBucket(
        max_tokens=requests_per_s,
        tokens_per_fill=UInt32Value(value=requests_per_s // fills_per_s),
        fill_interval=build_milliseconds(1000 // fills_per_s),
    )
    return LocalRateLimit(
        stat_prefix="rate", token_bucket=bucket, filter_enabled=_EVERY_REQUEST, filter_enforced=_EVERY_REQUEST
    )


def _build_bandwidth(model: EndpointModel, kib_per_s: int) -> BandwidthLimit:
    # Copies count, but do not pass here: what they will take is taken off beforehand.
    copied = sum(model.mirrored.values()) / 100
    return BandwidthLimit(
        stat_prefix="bandwidth",
        enable_mode=BandwidthLimit.EnableMode.REQUEST_AND_RESPONSE,
        limit_kbps=UInt64Value(value=max(1, int(kib_per_s / (1 + copied)))),
        fill_interval=build_milliseconds(50),
        runtime_enabled=RuntimeFeatureFlag(default_value=BoolValue(value=True), runtime_key="teal.unused"),
        enable_response_trailers=True,
        response_trailer_prefix=TRAILER_PREFIX,
    )
