"""The one datastore of every workspace, and the signed address that opens it (`spec/wire.md` §3.2)."""

from typing import Any

from starlette.responses import JSONResponse

from teal.api.calls import InWorkspace, WorkspaceCall
from teal.api.signatures import ALL_PERMISSIONS, sign
from teal.api.wire.members import Members
from teal.api.wire.resources import format_list
from teal.domain.blobs import BLOB_ROOT, DATASTORE, DATASTORE_CONTAINER
from teal.domain.errors import InvalidInput, NotFound

ACCOUNT = "acct"
BLOB_SUFFIX = "core.windows.net"
MAX_HOURS = 7 * 24


async def list_datastores(call: InWorkspace) -> JSONResponse:
    return JSONResponse(format_list([_format(call)]))


async def get_datastore(call: InWorkspace, datastore: str) -> JSONResponse:
    _check_name(datastore)
    return JSONResponse(_format(call))


async def list_secrets(call: InWorkspace, datastore: str) -> JSONResponse:
    _check_name(datastore)
    hours = Members(await call.json()).whole("expireAfterHours", 1)
    if not 1 <= hours <= MAX_HOURS:
        raise InvalidInput(f"expireAfterHours must be from 1 to {MAX_HOURS}, not {hours}.", target="expireAfterHours")
    signature = sign(
        call.services.signing_secret,
        DATASTORE_CONTAINER,
        permissions=ALL_PERMISSIONS,
        expires_at=call.moment.now + hours * 3600,
    )
    return JSONResponse({"secretsType": "Sas", "sasToken": signature})


def build_container_url(call: WorkspaceCall, container: str) -> str:
    return f"{call.base_url}{BLOB_ROOT}/{ACCOUNT}.blob.{BLOB_SUFFIX}/{container}"


# --- private


def _check_name(name: str) -> None:
    if name.lower() != DATASTORE:
        raise NotFound(
            f"The datastore '{name}' does not exist.", target=name, hint=f"Every workspace has one: '{DATASTORE}'."
        )


def _format(call: WorkspaceCall) -> dict[str, Any]:
    # Clients build https://{accountName}.blob.{endpoint}: a path in the account's name leads them here (§5.1).
    return {
        "id": f"{call.id.arm}/datastores/{DATASTORE}",
        "name": DATASTORE,
        "properties": {
            "datastoreType": "AzureBlob",
            "accountName": f"{call.host}{BLOB_ROOT}/{ACCOUNT}",
            "containerName": DATASTORE_CONTAINER,
            "endpoint": BLOB_SUFFIX,
            "protocol": "https",
            "isDefault": True,
            "credentials": {"credentialsType": "Sas"},
            "tags": {},
            "properties": {},
        },
    }
