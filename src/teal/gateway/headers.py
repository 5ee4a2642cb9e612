"""The header names of the data plane (spec/azureml.md §1.6), and how they are put on; used by routes and replies."""

from functools import lru_cache

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption

DEPLOYMENT = "azureml-model-deployment"
REQUEST_ID = "x-request-id"
LEGACY_REQUEST_ID = "x-ms-request-id"
CLIENT_REQUEST_ID = "x-ms-client-request-id"
MODEL_ERROR_STATUS = "ms-azureml-model-error-statuscode"
MODEL_ERROR_REASON = "ms-azureml-model-error-reason"

# Between the gateway and an instance only; a client's own are removed or overwritten.
TEAL_DEPLOYMENT = "x-teal-deployment"
MIRRORED = "x-mirrored"

# Within the gateway only: what the split decided, and the path that leads to the endpoint. Neither comes in or leaves.
SPLIT = "x-teal-split"
SCOPE = "x-teal-scope"

# Envoy reads it in place of the path wherever it is asked for the path; a client's own is removed.
ORIGINAL_PATH = "x-envoy-original-path"

# How long the gateway will wait for the first byte. Instances turn away what they cannot begin in that time.
TIME_LEFT = "x-envoy-expected-rq-timeout-ms"

# Envoy puts "true" here on a request that it would send to a second instance because the first one took too long.
RAN_OUT_OF_TIME = "x-envoy-is-timeout-retry"


@lru_cache(maxsize=1024)
def overwrite(name: str, value: str) -> HeaderValueOption:
    """Set a header, whatever was there before. An empty value (an absent request header, say) sets nothing."""
    return HeaderValueOption(
        header=HeaderValue(key=name, value=value),
        append_action=HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
    )


def build_id_headers() -> list[HeaderValueOption]:
    """The request id under its older name, and the client's own id, echoed and cut to 40 characters."""
    return [
        overwrite(LEGACY_REQUEST_ID, f"%REQ({REQUEST_ID})%"),
        overwrite(CLIENT_REQUEST_ID, f"%REQ({CLIENT_REQUEST_ID}):40%"),
    ]
