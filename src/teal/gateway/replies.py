"""What the gateway itself answers when no instance did: statuses and JSON bodies; `listener.py` installs them.

Every body is `{"error": {"code", "message"}}`, because clients show `error.message` (spec/wire.md §6.1). Envoy says why
it gave up with response flags; this table gives them the data plane's statuses (spec/azureml.md §1.6). Flags:
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/observability/access_log/usage
"""

from collections.abc import Sequence
from dataclasses import dataclass

from envoy.config.accesslog.v3.accesslog_pb2 import (
    AccessLogFilter,
    AndFilter,
    ComparisonFilter,
    ExtensionFilter,
    HeaderFilter,
    ResponseFlagFilter,
    StatusCodeFilter,
)
from envoy.config.core.v3.base_pb2 import HeaderValueOption, RuntimeUInt32
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher
from envoy.extensions.access_loggers.filters.cel.v3.cel_pb2 import ExpressionFilter
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    LocalReplyConfig,
    ResponseMapper,
)
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import UInt32Value

from teal.gateway import headers
from teal.gateway.packing import pack
from teal.gateway.retries import IS_IDEMPOTENT


def build_error_format(code: str, message: str) -> SubstitutionFormatString:
    """An error body. Envoy fills in what stands between percent signs, escaped as JSON needs it."""
    body = Struct()
    body.update({"error": {"code": code, "message": message}})
    return SubstitutionFormatString(json_format=body)


def build_local_replies() -> LocalReplyConfig:
    """The table below for Envoy, and a last line for whatever is not in it, so that no body is ever plain text."""
    return LocalReplyConfig(
        mappers=[*_build_not_repeated(), *(_build_mapper(reply) for reply in REPLIES), *_build_rest()]
    )


@dataclass(frozen=True, slots=True)
class Reply:
    """What one group of response flags means to a client."""

    flags: tuple[str, ...]
    status: int
    code: str
    message: str
    model_error: str | None = None


# "%UPSTREAM_CLUSTER%" reads endpoint/deployment.
TIMED_OUT = Reply(
    flags=("UT", "SI"),
    status=408,
    code="RequestTimeout",
    message="'%UPSTREAM_CLUSTER%' did not answer within its request_timeout_ms",
)
# The request may have been acted on, so it is not repeated here, and 424 keeps clients from repeating it silently.
LOST = Reply(
    flags=("UC", "UR", "LR"),
    status=424,
    code="InstanceLost",
    message="the instance of '%UPSTREAM_CLUSTER%' went away with this request in hand",
    model_error="instance-lost",
)
REPLIES = (
    TIMED_OUT,
    Reply(
        flags=("UO",),
        status=429,
        code="TooManyRequests",
        message="'%UPSTREAM_CLUSTER%' has all the requests in hand that it may have (2 x instances x"
        " max_concurrent_requests_per_instance); raise request_settings.max_concurrent_requests_per_instance"
        " or instance_count",
    ),
    LOST,
    Reply(
        flags=("UPE",),
        status=424,
        code="InvalidAnswer",
        message="the instance of '%UPSTREAM_CLUSTER%' answered something that is not HTTP",
        model_error="invalid-answer",
    ),
    Reply(
        flags=("UH", "UF", "NC"),
        status=503,
        code="NoInstanceReady",
        message="no instance of '%UPSTREAM_CLUSTER%' is ready",
    ),
    Reply(
        flags=("NR",),
        status=404,
        code="EndpointNotFound",
        message="no endpoint at this path; requests go to /endpoints/<name>/...",
    ),
)


TOO_LARGE = "the body is larger than this endpoint takes; its property teal.max_request_bytes says how much that is"
REFUSED = "the gateway refused this request before it reached an instance (%RESPONSE_CODE_DETAILS%)"
ENDPOINT_FULL = 423  # a status nothing else here is answered with
IN_HAND = (
    "this endpoint has all the requests in hand that it may have; its property teal.max_requests_in_hand, or the"
    " server's quotas, say how many"
)
NO_UPGRADE = "this gateway passes on HTTP requests only; send this one without Upgrade"
NEEDS_TOKEN = "this endpoint needs a token made for it that has not expired: Authorization: Bearer <token>"
RATE_LIMITED = (
    "this endpoint has had all the requests that it may have in a second; its property teal.max_requests_per_second,"
    " or the server's quotas, say how many"
)


# --- private


def _build_not_repeated() -> list[ResponseMapper]:
    """What an idempotent endpoint would have sent again: it was late already, or nobody is left to send it to."""
    second_try = pack(ExpressionFilter(expression=f"{IS_IDEMPOTENT} && upstream.request_attempt_count > 1u"))
    extension = ExtensionFilter(name="envoy.access_loggers.extension_filters.cel", typed_config=second_try)
    is_second_try = AccessLogFilter(extension_filter=extension)
    is_late = _status_filter(ComparisonFilter.EQ, TIMED_OUT.status)
    none_ready = AccessLogFilter(response_flag_filter=ResponseFlagFilter(flags=("UH",)))
    return [
        _build_mapper(TIMED_OUT, AccessLogFilter(and_filter=AndFilter(filters=[is_late, is_second_try]))),
        _build_mapper(LOST, AccessLogFilter(and_filter=AndFilter(filters=[none_ready, is_second_try]))),
    ]


def _build_mapper(reply: Reply, when: AccessLogFilter | None = None) -> ResponseMapper:
    return ResponseMapper(
        filter=when or AccessLogFilter(response_flag_filter=ResponseFlagFilter(flags=reply.flags)),
        status_code=UInt32Value(value=reply.status),
        body_format_override=build_error_format(reply.code, reply.message),
        headers_to_add=[*headers.build_id_headers(), *_build_model_error(reply)],
    )


def _build_model_error(reply: Reply) -> Sequence[HeaderValueOption]:
    if reply.model_error is None:
        return ()
    return (
        headers.overwrite(headers.MODEL_ERROR_STATUS, "502"),
        headers.overwrite(headers.MODEL_ERROR_REASON, reply.model_error),
    )


def _build_rest() -> list[ResponseMapper]:
    # 401 and 404 without a flag are the route table's own refusals, which carry their body already.
    as_it_is = SubstitutionFormatString(content_type="application/json")
    as_it_is.text_format_source.inline_string = "%LOCAL_REPLY_BODY%"
    own = [
        ResponseMapper(
            filter=_status_filter(ComparisonFilter.EQ, status),
            body_format_override=as_it_is,
            headers_to_add=headers.build_id_headers(),
        )
        for status in (401, 404)
    ]
    # The gateway's own before a token is looked at.
    upgrade = ResponseMapper(
        filter=AccessLogFilter(
            and_filter=AndFilter(filters=[_status_filter(ComparisonFilter.EQ, 403), _header_filter("upgrade")])
        ),
        status_code=UInt32Value(value=400),
        body_format_override=build_error_format("UpgradeRefused", NO_UPGRADE),
        headers_to_add=headers.build_id_headers(),
    )
    # Nothing else is answered with 403 here: a token that is missing, has expired or is not for this endpoint.
    no_token = ResponseMapper(
        filter=_status_filter(ComparisonFilter.EQ, 403),
        status_code=UInt32Value(value=401),
        body_format_override=build_error_format("Unauthorized", NEEDS_TOKEN),
        headers_to_add=[*headers.build_id_headers(), headers.overwrite("www-authenticate", "Bearer")],
    )
    known = [
        ResponseMapper(
            filter=_status_filter(ComparisonFilter.EQ, found),
            status_code=UInt32Value(value=status),
            body_format_override=build_error_format(code, message),
            headers_to_add=headers.build_id_headers(),
        )
        for found, status, code, message in (
            (413, 413, "RequestTooLarge", TOO_LARGE),
            (429, 429, "RateLimited", RATE_LIMITED),
            (ENDPOINT_FULL, 429, "TooManyInHand", IN_HAND),
        )
    ]
    other = ResponseMapper(
        filter=_status_filter(ComparisonFilter.GE, 0),
        body_format_override=build_error_format("GatewayError", REFUSED),
        headers_to_add=headers.build_id_headers(),
    )
    return [*own, upgrade, no_token, *known, other]


def _status_filter(op: "ComparisonFilter.Op", status: int) -> AccessLogFilter:
    value = RuntimeUInt32(default_value=status, runtime_key="teal.unused")
    return AccessLogFilter(status_code_filter=StatusCodeFilter(comparison=ComparisonFilter(op=op, value=value)))


def _header_filter(name: str) -> AccessLogFilter:
    return AccessLogFilter(header_filter=HeaderFilter(header=HeaderMatcher(name=name, present_match=True)))
