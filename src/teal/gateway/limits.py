"""What one endpoint may use: requests a second and in hand, bandwidth, size of a body. For connections and routes.

The filters are there once and off; the virtual host of an endpoint with limits turns on what it needs, so all its
routes draw from one bucket, and a change of limits is a change of routes. Refusals are turned away before they count.

Requests in hand are counted by a filter made for finding out a good limit; its lowest and highest are set to the same.
It takes no settings by endpoint itself, but may stand inside one that does.
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/local_rate_limit_filter
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/bandwidth_limit_filter
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/adaptive_concurrency_filter
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/composite_filter
"""

from collections.abc import Mapping

from envoy.config.core.v3.base_pb2 import RuntimeFeatureFlag, RuntimeFractionalPercent
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.route.v3.route_components_pb2 import FilterConfig
from envoy.extensions.common.matching.v3.extension_matcher_pb2 import (
    ExtensionWithMatcher,
    ExtensionWithMatcherPerRoute,
)
from envoy.extensions.filters.http.adaptive_concurrency.v3.adaptive_concurrency_pb2 import (
    AdaptiveConcurrency,
    GradientControllerConfig,
)
from envoy.extensions.filters.http.bandwidth_limit.v3.bandwidth_limit_pb2 import BandwidthLimit
from envoy.extensions.filters.http.buffer.v3.buffer_pb2 import Buffer, BufferPerRoute
from envoy.extensions.filters.http.composite.v3.composite_pb2 import Composite, ExecuteFilterAction
from envoy.extensions.filters.http.local_ratelimit.v3.local_rate_limit_pb2 import LocalRateLimit
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.type.v3.http_status_pb2 import HttpStatus
from envoy.type.v3.percent_pb2 import FractionalPercent, Percent
from envoy.type.v3.token_bucket_pb2 import TokenBucket
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value, UInt64Value
from xds.core.v3.extension_pb2 import TypedExtensionConfig as MatcherAction
from xds.type.matcher.v3.matcher_pb2 import Matcher

from teal.gateway.model import EndpointModel
from teal.gateway.packing import build_milliseconds, pack
from teal.gateway.replies import ENDPOINT_FULL

# The trailers of delayed answers are `ms-azureml-bandwidth-request-delay-ms` and the like (spec/azureml.md §1.5).
TRAILER_PREFIX = "ms-azureml"

_RATE = "teal.rate"
_IN_HAND = "teal.in_hand"
_BANDWIDTH = "teal.bandwidth"
_SIZE = "teal.size"


def build_limit_filters() -> list[HttpFilter]:
    """All of them, off."""
    off: dict[str, Message] = {
        _RATE: LocalRateLimit(stat_prefix="rate"),
        _IN_HAND: ExtensionWithMatcher(
            extension_config=TypedExtensionConfig(name=_IN_HAND, typed_config=pack(Composite())), xds_matcher=_NOBODY
        ),
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
    if limits.requests_in_hand is not None:
        on[_IN_HAND] = pack(_build_in_hand(limits.requests_in_hand))
    if limits.bandwidth_kib_per_s is not None:
        on[_BANDWIDTH] = pack(_build_bandwidth(model, limits.bandwidth_kib_per_s))
    return on


def build_size_limit(max_bytes: int) -> Mapping[str, Any]:
    """For bodies that do not say how long they are: each is held until its end has come."""
    return {_SIZE: pack(BufferPerRoute(buffer=Buffer(max_request_bytes=UInt32Value(value=max_bytes))))}


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


# Matches nothing; the filter cannot do without one.
_NOBODY = Matcher()


def _build_in_hand(requests: int) -> ExtensionWithMatcherPerRoute:
    counter = AdaptiveConcurrency(
        gradient_controller_config=_build_fixed(requests),
        concurrency_limit_exceeded_status=HttpStatus(code=ENDPOINT_FULL),
    )
    count = ExecuteFilterAction(typed_config=TypedExtensionConfig(name=_IN_HAND, typed_config=pack(counter)))
    always = Matcher.OnMatch(action=MatcherAction(name="count", typed_config=pack(count)))
    return ExtensionWithMatcherPerRoute(xds_matcher=Matcher(on_no_match=always))


def _build_fixed(limit: int) -> GradientControllerConfig:
    """A limit that cannot move, however long requests take: the latency is given, both bounds are the same."""
    Config = GradientControllerConfig
    return Config(
        sample_aggregate_percentile=Percent(value=50),
        concurrency_limit_params=Config.ConcurrencyLimitCalculationParams(
            max_concurrency_limit=UInt32Value(value=limit), concurrency_update_interval=Duration(seconds=3600)
        ),
        min_rtt_calc_params=Config.MinimumRTTCalculationParams(
            fixed_value=Duration(seconds=1), min_concurrency=UInt32Value(value=limit)
        ),
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
