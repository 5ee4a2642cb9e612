"""The cloud metadata document that stock clients read first (`spec/wire.md` §1.5). Open to everybody, made from memory:
one client fetches it about nine times."""

from starlette.responses import JSONResponse

from teal.api.calls import AnyCall


async def get_metadata(call: AnyCall) -> JSONResponse:
    return JSONResponse(
        [
            {
                "name": "Teal",
                "portal": "https://portal.teal.local",
                "resourceManager": f"{call.base_url}/",
                "authentication": {"loginEndpoint": f"{call.base_url}/"},
                "suffixes": {"storage": "core.windows.net"},
            }
        ]
    )
