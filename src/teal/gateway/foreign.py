"""Answers of instances that know nothing of Teal: an error becomes 424, as clients expect it; for `clusters.py`.

`teal-scoring` answers 424 by itself. A foreign server's status is moved into headers (spec/azureml.md §1.6), its body
passes as it is. A filter of the cluster, so that only foreign deployments pay for it, and what the gateway itself
answers in their place is left alone.
"""

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.extensions.filters.http.lua.v3.lua_pb2 import Lua
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter

from teal.gateway import headers
from teal.gateway.packing import pack

REASON = "model-error"


def build_foreign_filter() -> HttpFilter:
    """For a foreign deployment's cluster."""
    lua = Lua(default_source_code=DataSource(inline_string=_SCRIPT), stat_prefix="foreign")
    return HttpFilter(name="teal.foreign", typed_config=pack(lua))


# --- private

_SCRIPT = f"""
function envoy_on_response(handle)
  local headers = handle:headers()
  local status = headers:get(":status")
  if status:byte(1) ~= 50 then
    headers:replace("{headers.MODEL_ERROR_STATUS}", status)
    headers:replace("{headers.MODEL_ERROR_REASON}", "{REASON}")
    headers:replace(":status", "424")
  end
end
"""
