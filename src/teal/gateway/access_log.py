"""One line of JSON for each request, in a file that stays bounded; for `connections.py` and `gateway.py`.

The columns are those of Azure's traffic log (spec/azureml.md §1.7) as far as a proxy knows them.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx
from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.extensions.access_loggers.file.v3.file_pb2 import FileAccessLog
from google.protobuf.struct_pb2 import Struct

from teal.gateway import headers
from teal.gateway.admin import Admin
from teal.gateway.packing import pack

logger = logging.getLogger(__name__)

MAX_BYTES = 64 * 1024 * 1024


def build_access_log(path: Path) -> AccessLog:
    fields = Struct()
    fields.update(_FIELDS)
    line = SubstitutionFormatString(json_format=fields, omit_empty_values=True)
    return AccessLog(
        name="envoy.access_loggers.file", typed_config=pack(FileAccessLog(path=str(path), log_format=line))
    )


async def run_rotation(
    path: Path, find_admins: Callable[[], Iterable[Admin]], *, max_bytes: int = MAX_BYTES, every_s: float = 5.0
) -> None:
    """Until cancelled: set a full file aside (one is kept) and let Envoy begin a new one."""
    while True:
        await rotate(path, find_admins(), max_bytes=max_bytes)
        await asyncio.sleep(every_s)


async def rotate(path: Path, admins: Iterable[Admin], *, max_bytes: int = MAX_BYTES) -> bool:
    """Whether the file was full."""
    try:
        if path.stat().st_size < max_bytes:  # noqa: ASYNC240  # a moment, now and then
            return False
        path.replace(path.with_name(f"{path.name}.1"))  # noqa: ASYNC240
        # Envoy writes on into the file it has open, so no line is lost in between.
        for admin in admins:
            await admin.post("/reopen_logs")
    except FileNotFoundError:
        return False
    except (OSError, httpx.HTTPError) as error:
        logger.warning("the access log could not be rotated: %s", error)
        return False
    return True


# --- private

# "upstream" reads endpoint/deployment; "path" is what the instance was asked for, or the client's if nobody was.
_FIELDS = {
    "time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ)%",
    "upstream": "%UPSTREAM_CLUSTER%",
    "deployment": f"%RESP({headers.DEPLOYMENT})%",
    "instance": "%UPSTREAM_HOST_NAME%",
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "reason": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "model_status": f"%RESP({headers.MODEL_ERROR_STATUS})%",
    "model_reason": f"%RESP({headers.MODEL_ERROR_REASON})%",
    "request_bytes": "%BYTES_RECEIVED%",
    "response_bytes": "%BYTES_SENT%",
    "user_agent": "%REQ(USER-AGENT):70%",
    "request_id": f"%REQ({headers.REQUEST_ID})%",
    "client_request_id": f"%REQ({headers.CLIENT_REQUEST_ID}):40%",
    "duration_ms": "%DURATION%",
    "request_ms": "%REQUEST_DURATION%",
    "first_byte_ms": "%RESPONSE_DURATION%",
}
