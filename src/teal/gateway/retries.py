"""What is sent again, and what is not, in Envoy's words; for `routes.py` and `clusters.py`.

Envoy takes a request that ran out of time for one that was lost, and would send it again, each time for the whole time
limit. It marks such a request, and a filter in front of the instances answers it instead.
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/router_filter#x-envoy-is-timeout-retry
"""

from functools import lru_cache

from envoy.config.core.v3.base_pb2 import DataSource, Metadata
from envoy.config.route.v3.route_components_pb2 import RetryPolicy
from envoy.extensions.filters.http.lua.v3.lua_pb2 import Lua
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2 import PreviousHostsPredicate
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.wrappers_pb2 import UInt32Value

from teal.gateway import headers
from teal.gateway.packing import build_milliseconds, pack

# Set on the routes of idempotent endpoints, for the words of what could not be sent again (`replies.py`).
IDEMPOTENT = Metadata(filter_metadata={"teal": Struct(fields={"idempotent": Value(bool_value=True)})})
IS_IDEMPOTENT = "'teal' in xds.route_metadata.filter_metadata"


@lru_cache(maxsize=256)
def build_retries(time_limit_ms: int, *, idempotent: bool) -> RetryPolicy:
    """Repeats what no instance can have acted on, or what does no harm; and limits the time to the first byte.

    A limit per try is just that: it counts from the end of the request, and lapses once the answer has begun.
    """
    previous_hosts = RetryPolicy.RetryHostPredicate(
        name="envoy.retry_host_predicates.previous_hosts", typed_config=pack(PreviousHostsPredicate())
    )
    return RetryPolicy(
        retry_on="connect-failure,refused-stream,reset-before-request" + (",reset" if idempotent else ""),
        # One more than a dead host needs to be passed over (`clusters.py`).
        num_retries=UInt32Value(value=4),
        retry_back_off=RetryPolicy.RetryBackOff(
            base_interval=build_milliseconds(10), max_interval=build_milliseconds(100)
        ),
        retry_host_predicate=[previous_hosts],
        host_selection_retry_max_attempts=5,
        per_try_timeout=build_milliseconds(time_limit_ms),
    )


def build_late_filter() -> HttpFilter:
    """Answers 408 in place of an instance what ran out of time at another one; for clusters of idempotent endpoints."""
    lua = Lua(default_source_code=DataSource(inline_string=_SCRIPT), stat_prefix="late")
    return HttpFilter(name="teal.late", typed_config=pack(lua))


# --- private

_SCRIPT = f"""
function envoy_on_request(handle)
  if handle:headers():get("{headers.RAN_OUT_OF_TIME}") == "true" then
    handle:respond({{[":status"] = "408"}}, "")
  end
end
"""
