"""What only code assets have: finding equal content, and a place to upload to (`spec/wire.md` §3.3 (5), (7))."""

from starlette.responses import JSONResponse

from teal.api.assets import list_versions
from teal.api.calls import InWorkspace
from teal.api.datastores import build_container_url
from teal.api.signatures import ALL_PERMISSIONS, sign
from teal.api.wire.assets import format_version
from teal.api.wire.resources import format_list
from teal.control import assets as control
from teal.domain.resource_ids import AssetKind

UPLOAD_HOURS = 24


async def find_or_list(call: InWorkspace, name: str) -> JSONResponse:
    """With `hash`: code of that content under any name, because clients ask under a random one."""
    wanted = call.request.query_params.get("hash")
    if wanted is None:
        return await list_versions(AssetKind.CODE, call, name)
    found = await call.read(lambda tx: control.find_code(tx, call.id, wanted))
    return JSONResponse(format_list([format_version(found)] if found else []))


async def start_pending_upload(call: InWorkspace, name: str, version: str) -> JSONResponse:
    """A container of its own, signed for a day. It needs no making: uploads make it."""
    upload_id = call.moment.new_id()
    container = f"code-{upload_id.replace('-', '')}"
    url = build_container_url(call, container)
    signature = sign(
        call.services.signing_secret,
        container,
        permissions=ALL_PERMISSIONS,
        expires_at=call.moment.now + UPLOAD_HOURS * 3600,
    )
    return JSONResponse(
        {
            "pendingUploadId": upload_id,
            "pendingUploadType": "TemporaryBlobReference",
            "blobReferenceForConsumption": {
                "blobUri": url,
                "storageAccountArmId": f"{call.id.arm}/datastores/workspaceblobstore",
                "credential": {"credentialType": "SAS", "sasUri": f"{url}?{signature}"},
            },
        }
    )
