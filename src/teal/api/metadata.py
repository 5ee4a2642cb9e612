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
                "authentication": {
                    "loginEndpoint": f"{call.base_url}/",
                    # Azure's plug-in for MLflow does not even import without them (spec/mlflow.md §2.3).
                    "audiences": [call.base_url],
                    "tenant": "common",
                    "identityProvider": "AAD",
                },
                "suffixes": {"storage": "core.windows.net"},
            }
        ]
    )
