"""Which deployment answers a request, in Envoy's words: one scope and one route table per endpoint; see `resources.py`.

The order of the routes is the precedence of refusals: wrong key 401, unknown deployment named 404, no live traffic 404.
(An unknown endpoint has no scope at all; `replies.py` words that one.) Fields:
https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/config/route/v3/route_components.proto
"""

from collections.abc import Iterable, Sequence

from envoy.config.common.mutation_rules.v3.mutation_rules_pb2 import HeaderMutation
from envoy.config.core.v3.base_pb2 import RuntimeFractionalPercent
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.config.route.v3.route_components_pb2 import (
    DirectResponseAction,
    HeaderMatcher,
    RetryPolicy,
    Route,
    RouteAction,
    RouteMatch,
    VirtualHost,
)
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.config.route.v3.scoped_route_pb2 import ScopedRouteConfiguration
from envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2 import PreviousHostsPredicate
from envoy.type.matcher.v3.regex_pb2 import RegexMatchAndSubstitute, RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from envoy.type.v3.percent_pb2 import FractionalPercent
from envoy.type.v3.range_pb2 import Int64Range
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value

from teal.gateway import headers
from teal.gateway.clusters import (
    MAX_MIRRORED_BODY_BYTES,
    build_milliseconds,
    format_cluster_name,
    format_shadow_name,
    pack,
)
from teal.gateway.model import EndpointModel, Target
from teal.gateway.replies import build_error_format

# Envoy counts requests of a route with a stat prefix apart: this is how unmirrored ones are counted.
UNMIRRORED = "unmirrored"

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


def build_route_table(model: EndpointModel) -> RouteConfiguration:
    """Everything decided about one request of this endpoint, first match first."""
    routes = [
        _build_unauthorized(model),
        *_build_named_routes(model),
        _build_unknown_deployment(model),
        *(_build_split_routes(model) if model.live else [_build_no_traffic(model)]),
    ]
    return RouteConfiguration(
        name=model.name,
        virtual_hosts=[VirtualHost(name=model.name, domains=["*"], routes=routes)],
        request_headers_to_remove=["authorization", headers.MIRRORED],
        response_headers_to_add=headers.build_id_headers(),
        response_headers_to_remove=headers.INTERNAL,
    )


# --- private


def _build_unauthorized(model: EndpointModel) -> Route:
    # "None of the keys": one inverted match per key. Without keys this holds for every request, which is the safe way.
    return Route(
        match=_match(model, (_is_not("authorization", f"Bearer {key}") for key in model.keys)),
        direct_response=_refuse(
            401, "Unauthorized", f"endpoint '{model.name}' needs a valid key: Authorization: Bearer <key>"
        ),
        response_headers_to_add=[headers.overwrite("www-authenticate", "Bearer")],
    )


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
    )


def _build_no_traffic(model: EndpointModel) -> Route:
    message = (
        f"no deployment of endpoint '{model.name}' has live traffic; give one some, or name one in {headers.DEPLOYMENT}"
    )
    return Route(match=_match(model), direct_response=_refuse(404, "NoLiveTraffic", message))


def _build_split_routes(model: EndpointModel) -> list[Route]:
    """The live deployments, each with the part of the requests that those before it left over.

    Routes instead of one route with weighted clusters, because a time limit belongs to a route and a deployment has its
    own. Envoy draws one number per request and compares it with every fraction, so shares are running totals.
    """
    routes = []
    share = 0
    for target in _sort(target for target in model.routable if target.deployment in model.live):
        share += model.live[target.deployment]
        routes += _build_live_routes(model, target, share)
    return routes


def _build_live_routes(model: EndpointModel, target: Target, share: int) -> list[Route]:
    mirrors = _build_mirrors(model)
    if not mirrors:
        return [_build_forward(model, target, _match(model, share=share))]
    # Only requests known to be small enough are copied; see MAX_MIRRORED_BODY_BYTES.
    copied = [
        _build_forward(model, target, _match(model, small, share=share), mirrors=mirrors)
        for small in ([_has_small_body()], _has_no_body())
    ]
    return [*copied, _build_forward(model, target, _match(model, share=share), stat_prefix=UNMIRRORED)]


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
        stat_prefix=stat_prefix,
        request_headers_to_add=[headers.overwrite(headers.TEAL_DEPLOYMENT, target.deployment)],
        response_headers_to_add=[headers.overwrite(headers.DEPLOYMENT, target.deployment)],
        route=RouteAction(
            cluster=format_cluster_name(model.name, target.deployment),
            regex_rewrite=RegexMatchAndSubstitute(
                pattern=RegexMatcher(regex=f"^/endpoints/{model.name}/?"), substitution="/"
            ),
            # No total limit, it would cut a long answer in the middle; one to the first byte, and one between bytes.
            timeout=Duration(seconds=0),
            retry_policy=_build_retries(target),
            idle_timeout=build_milliseconds(max(MIN_STALL_MS, target.request_timeout_ms + CONNECTING_MS)),
            request_mirror_policies=mirrors,
        ),
    )


def _build_retries(target: Target) -> RetryPolicy:
    """Repeats only what no instance can have acted on, and limits the time to the first byte.

    A limit per try is just that: it counts from the end of the request, and lapses once the answer has begun.
    """
    previous_hosts = RetryPolicy.RetryHostPredicate(
        name="envoy.retry_host_predicates.previous_hosts", typed_config=pack(PreviousHostsPredicate())
    )
    return RetryPolicy(
        retry_on="connect-failure,refused-stream,reset-before-request",
        # One more than a dead host needs to be passed over (`clusters.py`).
        num_retries=UInt32Value(value=4),
        retry_back_off=RetryPolicy.RetryBackOff(
            base_interval=build_milliseconds(10), max_interval=build_milliseconds(100)
        ),
        retry_host_predicate=[previous_hosts],
        host_selection_retry_max_attempts=5,
        per_try_timeout=build_milliseconds(target.request_timeout_ms),
    )


def _build_mirrors(model: EndpointModel) -> list[RouteAction.RequestMirrorPolicy]:
    """Copies carry their own deployment's headers: they are made after the live one's were set.

    Out of a million, because the number drawn for the split decides here, too: out of a hundred, a copied tenth of the
    requests would be the first deployment's only.
    """
    return [
        RouteAction.RequestMirrorPolicy(
            cluster=format_shadow_name(model.name, target.deployment),
            runtime_fraction=_fraction(model.mirrored[target.deployment] * 10_000, FractionalPercent.MILLION),
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


def _match(model: EndpointModel, matchers: Iterable[HeaderMatcher] = (), share: int = 100) -> RouteMatch:
    return RouteMatch(
        path_separated_prefix=f"/endpoints/{model.name}",
        headers=list(matchers),
        runtime_fraction=_fraction(share, FractionalPercent.HUNDRED) if share < 100 else None,
    )


def _fraction(numerator: int, denominator: "FractionalPercent.DenominatorType") -> RuntimeFractionalPercent:
    return RuntimeFractionalPercent(default_value=FractionalPercent(numerator=numerator, denominator=denominator))


def _sort(targets: Iterable[Target]) -> list[Target]:
    return sorted(targets, key=lambda target: target.deployment)


def _is(name: str, value: str, *, ignore_case: bool = False) -> HeaderMatcher:
    return HeaderMatcher(name=name, string_match=StringMatcher(exact=value, ignore_case=ignore_case))


def _is_not(name: str, value: str) -> HeaderMatcher:
    # A missing header counts as empty; otherwise Envoy lets a matcher fail, inverted or not, when there is no header.
    return HeaderMatcher(
        name=name, string_match=StringMatcher(exact=value), invert_match=True, treat_missing_header_as_empty=True
    )


def _has_small_body() -> HeaderMatcher:
    return HeaderMatcher(name="content-length", range_match=Int64Range(start=0, end=MAX_MIRRORED_BODY_BYTES + 1))


def _has_no_body() -> list[HeaderMatcher]:
    return [
        HeaderMatcher(name=":method", string_match=StringMatcher(safe_regex=RegexMatcher(regex="GET|HEAD"))),
        HeaderMatcher(name="content-length", present_match=False),
    ]
