"""Which deployment answers a request, in Envoy's words: one scope and one route table per endpoint; see `resources.py`.

The order of the routes is the precedence of refusals: wrong key 401, too large 413, no such deployment or traffic 404.
(An unknown endpoint has no scope at all; `replies.py` words that one.) Fields:
https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/config/route/v3/route_components.proto
"""

from collections.abc import Iterable, Sequence

from envoy.config.common.mutation_rules.v3.mutation_rules_pb2 import HeaderMutation
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.config.route.v3.route_components_pb2 import (
    DirectResponseAction,
    HeaderMatcher,
    Route,
    RouteAction,
    RouteMatch,
    VirtualHost,
)
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.config.route.v3.scoped_route_pb2 import ScopedRouteConfiguration
from envoy.type.matcher.v3.regex_pb2 import RegexMatchAndSubstitute, RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from envoy.type.v3.range_pb2 import Int64Range
from google.protobuf.wrappers_pb2 import UInt64Value

from teal.gateway import headers
from teal.gateway.clusters import build_mirror_buffer, format_cluster_name, format_shadow_name
from teal.gateway.limits import build_limits, build_no_limits, build_size_limit
from teal.gateway.model import EndpointModel, Target
from teal.gateway.packing import build_milliseconds
from teal.gateway.replies import TOO_LARGE, build_error_format
from teal.gateway.retries import IDEMPOTENT, build_retries
from teal.gateway.splits import SPLIT_FILTER, build_plan, format_plan
from teal.gateway.tokens import build_token_rules

# Envoy counts requests of a route with a stat prefix apart: this is how copies that could not be made are counted.
SKIPPED = "mirror-skipped-"

# In front of scopes that are found by host, to tell them from those found by path.
HOST_SCOPE = "host:"

# An answer that stands still for less than this is not cut, however short the deployment's own time limit: while a
# client is behind by more than the buffers hold, nothing is taken from the instance, and that is not its fault.
MIN_STALL_MS = 30_000

# Before the first byte, the limit between bytes must not come first: it counts while connections are tried, too.
CONNECTING_MS = 15_000


def build_scope(endpoint: str) -> ScopedRouteConfiguration:
    """Finds the endpoint's route table by the path segment, at the same price for one endpoint and for thousands."""
    Key = ScopedRouteConfiguration.Key
    return ScopedRouteConfiguration(
        name=endpoint,
        route_configuration_name=endpoint,
        key=Key(fragments=[Key.Fragment(string_key=endpoint)]),
    )


def build_host_scope(endpoint: str) -> ScopedRouteConfiguration:
    """Finds them by the endpoint's own host."""
    scope = build_scope(endpoint)
    scope.name = scope.route_configuration_name = format_host_name(endpoint)
    scope.key.fragments[0].string_key = HOST_SCOPE + endpoint
    return scope


def build_host_route_table(by_path: RouteConfiguration, endpoint: str, domain: str) -> RouteConfiguration:
    """The same for requests to `<endpoint>.<domain>`, whose paths are the instance's own."""
    table = RouteConfiguration()
    table.CopyFrom(by_path)
    table.name = format_host_name(endpoint)
    host = table.virtual_hosts[0]
    host.domains[:] = [f"{endpoint}.{domain}", f"{endpoint}.{domain}:*"]
    for route in host.routes:
        route.match.prefix = "/"
        if route.HasField("route"):
            route.route.ClearField("regex_rewrite")
    return table


def format_host_name(endpoint: str) -> str:
    return f"{endpoint}/host"


def build_route_table(model: EndpointModel, max_mirrored_body_bytes: int) -> RouteConfiguration:
    """Everything decided about one request of this endpoint, first match first.

    A split is decided at the end. Whom it sends elsewhere than to the largest share is matched once more, having passed
    the refusals: nobody but the script can have written the header that says so.
    """
    routes = [
        *_build_decided_routes(model),
        *([] if model.token_audience else [_build_unauthorized(model)]),
        *_build_too_large(model),
        *_build_named_routes(model),
        _build_unknown_deployment(model),
        _build_live_route(model, max_mirrored_body_bytes) if model.live else _build_no_traffic(model),
    ]
    return RouteConfiguration(
        name=model.name,
        virtual_hosts=[
            VirtualHost(
                name=model.name,
                domains=["*"],
                routes=[variant for route in routes for variant in _build_variants(model, route)],
                # Kept of a body: for another instance if the first cannot be reached, and for a shadow that is behind.
                request_body_buffer_limit=UInt64Value(value=build_mirror_buffer(max_mirrored_body_bytes).value),
                include_is_timeout_retry_header=model.idempotent,
                typed_per_filter_config={**build_token_rules(model), **build_limits(model)},
            )
        ],
        request_headers_to_remove=[
            "authorization",
            headers.MIRRORED,
            headers.SPLIT,
            headers.SCOPE,
            headers.RAN_OUT_OF_TIME,
        ],
        response_headers_to_add=headers.build_id_headers(),
    )


# --- private

_MAX_INT64 = 2**63 - 1

# The scheme's case does not matter (RFC 9110 §11.1), the key's does. Envoy compares a header either way as a whole, so
# these are the spellings that clients send; a regular expression would have to fit Envoy's limit with every key.
_BEARER = ("Bearer", "bearer", "BEARER")


def _build_unauthorized(model: EndpointModel) -> Route:
    # "None of the keys": one inverted match per key and spelling. Without keys this holds for every request, which is
    # the safe way.
    wrong = [_is_not("authorization", f"{scheme} {key}") for key in model.keys for scheme in _BEARER]
    return Route(
        match=_match(model, wrong),
        direct_response=_refuse(
            401, "Unauthorized", f"endpoint '{model.name}' needs a valid key: Authorization: Bearer <key>"
        ),
        response_headers_to_add=[headers.overwrite("www-authenticate", "Bearer")],
        typed_per_filter_config=build_no_limits(model),
    )


def _build_too_large(model: EndpointModel) -> list[Route]:
    """Refused by their announced length before a byte is read; a length that is not announced is counted on the way."""
    limit = model.limits.max_request_bytes
    if limit is None:
        return []
    too_large = HeaderMatcher(name="content-length", range_match=Int64Range(start=limit + 1, end=_MAX_INT64))
    return [
        Route(
            match=_match(model, [too_large]),
            direct_response=_refuse(413, "RequestTooLarge", TOO_LARGE),
            typed_per_filter_config=build_no_limits(model),
        )
    ]


def _build_variants(model: EndpointModel, route: Route) -> list[Route]:
    """Where bodies are limited, one for those that do not say how long they are: only these have to be held."""
    limit = model.limits.max_request_bytes
    if limit is None or not route.HasField("route"):
        return [route]
    unsized = Route()
    unsized.CopyFrom(route)
    unsized.match.headers.append(HeaderMatcher(name="content-length", present_match=False))
    for name, config in build_size_limit(limit).items():
        unsized.typed_per_filter_config[name].CopyFrom(config)
    return [unsized, route]


def _build_named_routes(model: EndpointModel) -> list[Route]:
    """The header wins over the weights, at 0 percent too, and such requests are never copied (spec/azureml.md §0.8)."""
    return [
        _build_forward(model, target, _match(model, [_is(headers.DEPLOYMENT, target.deployment, ignore_case=True)]))
        for target in _sort(model.routable)
    ]


def _build_unknown_deployment(model: EndpointModel) -> Route:
    message = f"endpoint '{model.name}' has no deployment '%REQ({headers.DEPLOYMENT})%'"
    return Route(
        match=_match(model, [_is_not(headers.DEPLOYMENT, "")]),
        direct_response=_refuse(404, "DeploymentNotFound", message),
        typed_per_filter_config=build_no_limits(model),
    )


def _build_no_traffic(model: EndpointModel) -> Route:
    message = (
        f"no deployment of endpoint '{model.name}' has live traffic; give one some, or name one in {headers.DEPLOYMENT}"
    )
    return Route(
        match=_match(model),
        direct_response=_refuse(404, "NoLiveTraffic", message),
        typed_per_filter_config=build_no_limits(model),
    )


def _build_live_route(model: EndpointModel, max_mirrored_body_bytes: int) -> Route:
    """To the largest share. If there are others or a mirror, the script of `splits.py` decides who takes another route;
    should it ever fail, nobody does."""
    largest = _find_largest(model)
    route = _build_forward(model, largest, _match(model))
    if _is_divided(model):
        plan = _format_plan(model, largest, max_mirrored_body_bytes)
        route.typed_per_filter_config[SPLIT_FILTER].CopyFrom(build_plan(plan))
    return route


def _build_decided_routes(model: EndpointModel) -> list[Route]:
    """What the script may have decided; none of them matches before it has."""
    if not _is_divided(model):
        return []
    others = [target for target in _sort_live(model) if target != _find_largest(model)]
    routes = [_build_forward(model, one, _match(model, [_is(headers.SPLIT, one.deployment)])) for one in others]
    if mirrors := _build_mirrors(model):
        skipped = SKIPPED + next(iter(model.mirrored))
        for target in _sort_live(model):
            copied, too_large = (_is(headers.SPLIT, f"{target.deployment} {what}") for what in ("copy", "skip"))
            routes.append(_build_forward(model, target, _match(model, [copied]), mirrors=mirrors))
            routes.append(_build_forward(model, target, _match(model, [too_large]), stat_prefix=skipped))
    return routes


def _is_divided(model: EndpointModel) -> bool:
    return bool(model.live) and (len(model.live) > 1 or bool(model.mirrored))


def _find_largest(model: EndpointModel) -> Target:
    return max(_sort_live(model), key=lambda target: model.live[target.deployment])


def _sort_live(model: EndpointModel) -> list[Target]:
    return _sort(target for target in model.routable if target.deployment in model.live)


def _format_plan(model: EndpointModel, own: Target, max_mirrored_body_bytes: int) -> str:
    key = model.traffic_key
    return format_plan(
        model.name,
        model.live,
        own=own.deployment,
        copy_percent=max(model.mirrored.values(), default=0),
        copy_max_bytes=max_mirrored_body_bytes,
        key=f"{key.source} {key.name}".rstrip() if key else None,
    )


def _build_forward(
    model: EndpointModel,
    target: Target,
    match: RouteMatch,
    *,
    mirrors: Sequence[RouteAction.RequestMirrorPolicy] = (),
    stat_prefix: str = "",
) -> Route:
    """To the instances of a deployment, as `/**`."""
    return Route(
        match=match,
        metadata=IDEMPOTENT if model.idempotent else None,
        stat_prefix=stat_prefix,
        request_headers_to_add=[
            headers.overwrite(headers.TEAL_DEPLOYMENT, target.deployment),
            headers.overwrite(headers.TIME_LEFT, str(target.request_timeout_ms)),
        ],
        response_headers_to_add=[headers.overwrite(headers.DEPLOYMENT, target.deployment)],
        route=RouteAction(
            cluster=format_cluster_name(model.name, target.deployment),
            regex_rewrite=RegexMatchAndSubstitute(
                pattern=RegexMatcher(regex=f"^/endpoints/{model.name}/?"), substitution="/"
            ),
            # Limits to the first byte and between bytes. One of the whole would cut long answers: only where asked for.
            timeout=build_milliseconds(target.total_timeout_ms or 0),
            retry_policy=build_retries(target.request_timeout_ms, idempotent=model.idempotent),
            idle_timeout=build_milliseconds(max(MIN_STALL_MS, target.request_timeout_ms + CONNECTING_MS)),
            request_mirror_policies=mirrors,
        ),
    )


def _build_mirrors(model: EndpointModel) -> list[RouteAction.RequestMirrorPolicy]:
    """Copies carry their own deployment's headers: they are made after the live one's were set."""
    return [
        RouteAction.RequestMirrorPolicy(
            cluster=format_shadow_name(model.name, target.deployment),
            request_headers_mutations=[
                HeaderMutation(append=headers.overwrite(headers.MIRRORED, "1")),
                HeaderMutation(append=headers.overwrite(headers.TEAL_DEPLOYMENT, target.deployment)),
                HeaderMutation(append=headers.overwrite(headers.TIME_LEFT, str(target.request_timeout_ms))),
            ],
            disable_shadow_host_suffix_append=True,
        )
        for target in _sort(target for target in model.routable if target.deployment in model.mirrored)
    ]


def _refuse(status: int, code: str, message: str) -> DirectResponseAction:
    body_format: SubstitutionFormatString = build_error_format(code, message)
    return DirectResponseAction(status=status, body_format=body_format)


def _match(model: EndpointModel, matchers: Iterable[HeaderMatcher] = ()) -> RouteMatch:
    return RouteMatch(path_separated_prefix=f"/endpoints/{model.name}", headers=list(matchers))


def _sort(targets: Iterable[Target]) -> list[Target]:
    return sorted(targets, key=lambda target: target.deployment)


def _is(name: str, value: str, *, ignore_case: bool = False) -> HeaderMatcher:
    return HeaderMatcher(name=name, string_match=StringMatcher(exact=value, ignore_case=ignore_case))


def _is_not(name: str, value: str) -> HeaderMatcher:
    # A missing header counts as empty; otherwise Envoy lets a matcher fail, inverted or not, when there is no header.
    return HeaderMatcher(
        name=name, string_match=StringMatcher(exact=value), invert_match=True, treat_missing_header_as_empty=True
    )
