"""Exact and sticky splits: a script in Envoy that decides which deployment answers a request; for `routes.py`.

A share drawn at random is right on average only. The script counts instead, and writes its decision into a header that
routes match, because a time limit belongs to a route and a deployment has its own. It runs for requests that are to be
divided or copied, and for no others; who goes where the request was going anyway costs no second match.
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/lua_filter
"""

from collections.abc import Mapping
from importlib.resources import files

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.extensions.filters.http.lua.v3.lua_pb2 import Lua, LuaPerRoute
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from google.protobuf.any_pb2 import Any

from teal.gateway.packing import pack

SPLIT_FILTER = "teal.split"
SCRIPT = files("teal.gateway").joinpath("split.lua").read_text()

# Shares are handed over in millionths: a hundredth of a percent is 100 of them, and no fraction is left.
MILLIONTHS_PER_PERCENT = 10_000


def build_split_filter() -> HttpFilter:
    """Off, except where a route has a plan for it."""
    lua = Lua(source_codes={_CODE: DataSource(inline_string=SCRIPT)}, stat_prefix="split")
    return HttpFilter(name=SPLIT_FILTER, typed_config=pack(lua), disabled=True)


def build_plan(plan: str) -> Any:
    """What turns the filter on for a route."""
    config = LuaPerRoute(name=_CODE)
    config.filter_context.update({"plan": plan})
    return pack(config)


def format_plan(
    endpoint: str,
    traffic: Mapping[str, float],
    *,
    own: str | None = None,
    copy_percent: float = 0,
    copy_max_bytes: int = 0,
    key: str | None = None,
) -> str:
    """The text that the script reads; its first lines explain it. `own`: whose route the plan hangs on."""
    shares = ",".join(f"{name} {format_millionths(percent)}" for name, percent in sorted(traffic.items()))
    parts = [f"endpoint={endpoint}", *([f"own={own}"] if own else []), f"split={shares}"]
    if copy_percent > 0:
        parts += [f"copy={format_millionths(copy_percent)}", f"body={copy_max_bytes}"]
    if key is not None:
        parts.append(f"key={key}")
    return ";".join(parts)


def format_millionths(percent: float) -> int:
    return round(percent * MILLIONTHS_PER_PERCENT)


# --- private

_CODE = "split"
