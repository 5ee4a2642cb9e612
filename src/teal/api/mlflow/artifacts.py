"""The artifact service over REST (`spec/mlflow.md` §4.2): where files go and where they are. Errors are ARM's."""

from urllib.parse import quote

from starlette.responses import JSONResponse

from teal.api.calls import InWorkspace, WorkspaceCall
from teal.api.datastores import build_container_url
from teal.api.signatures import sign
from teal.api.wire.members import Members
from teal.control import artifacts as control
from teal.domain.artifacts import ArtifactPlace, run_place
from teal.domain.blobs import DATASTORE_CONTAINER
from teal.domain.errors import InvalidInput

LIFETIME_S = 3600.0
MAX_PATHS = 10_000


async def start_uploads(call: InWorkspace, origin: str, container: str) -> JSONResponse:
    return await _start_uploads(call, ArtifactPlace(origin, container))


async def get_address(call: InWorkspace, origin: str, container: str) -> JSONResponse:
    return await _get_address(call, ArtifactPlace(origin, container))


async def list_artifacts(call: InWorkspace, origin: str, container: str) -> JSONResponse:
    return await _list_artifacts(call, ArtifactPlace(origin, container))


async def start_uploads_of_run(call: InWorkspace, experiment: str, run: str) -> JSONResponse:
    return await _start_uploads(call, run_place(call.id, experiment, run))


async def get_address_of_run(call: InWorkspace, experiment: str, run: str) -> JSONResponse:
    return await _get_address(call, run_place(call.id, experiment, run))


async def list_artifacts_of_run(call: InWorkspace, experiment: str, run: str) -> JSONResponse:
    return await _list_artifacts(call, run_place(call.id, experiment, run))


# --- private


async def _start_uploads(call: WorkspaceCall, place: ArtifactPlace) -> JSONResponse:
    """Addresses for a batch of files; status 200, because clients take no other."""
    entries = Members(await call.json()).array("paths")
    paths = [Members(entry, "paths").text("path") or "" for entry in entries]
    if len(paths) > MAX_PATHS:
        raise InvalidInput(f"At most {MAX_PATHS} paths can be asked for at once, not {len(paths)}.", target="paths")
    planned = await call.write(lambda tx: control.prepare_uploads(tx, place, paths))
    return JSONResponse(
        {
            "artifacts": {path: _format_artifact(place, path) for path in planned},
            "artifactContentInformation": {
                path: {"contentUri": _build_address(call, blob_path, "rcw")} for path, blob_path in planned.items()
            },
            "errors": {},
        }
    )


async def _get_address(call: WorkspaceCall, place: ArtifactPlace) -> JSONResponse:
    path = call.request.query_params.get("path", "")
    blob_path = await call.read(lambda tx: control.find_artifact(tx, place, path))
    return JSONResponse({**_format_artifact(place, path), "contentUri": _build_address(call, blob_path, "r")})


async def _list_artifacts(call: WorkspaceCall, place: ArtifactPlace) -> JSONResponse:
    """The whole container on one page: clients look for their folder themselves."""
    paths = await call.read(lambda tx: control.list_artifacts(tx, place))
    return JSONResponse({"value": [_format_artifact(place, path) for path in paths]})


def _build_address(call: WorkspaceCall, blob_path: str, permissions: str) -> str:
    signature = sign(
        call.services.signing_secret,
        DATASTORE_CONTAINER,
        permissions=permissions,
        expires_at=call.moment.now + LIFETIME_S,
    )
    return f"{build_container_url(call, DATASTORE_CONTAINER)}/{quote(blob_path)}?{signature}"


def _format_artifact(place: ArtifactPlace, path: str) -> dict[str, str]:
    return {
        "artifactId": f"{place.origin}/{place.container}/{path}",
        "origin": place.origin,
        "container": place.container,
        "path": path,
    }
