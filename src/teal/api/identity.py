"""The identity endpoint of an app service, so that `DefaultAzureCredential()` works unchanged (`spec/wire.md` §1.3).

Whoever shows the server's token as X-IDENTITY-HEADER is handed that token: it proves nothing new, it only fits the
stock client's way of asking.
"""

from starlette.responses import JSONResponse

from teal.api.authentication import is_token
from teal.api.calls import AnyCall
from teal.domain.errors import Unauthenticated

LIFETIME_S = 24 * 3600


async def get_token(call: AnyCall) -> JSONResponse:
    if not is_token(call.request.headers.get("x-identity-header", ""), call.services.token):
        raise Unauthenticated(
            "The header 'X-IDENTITY-HEADER' is not this server's secret.",
            target="X-IDENTITY-HEADER",
            hint="Set IDENTITY_HEADER to the content of the file 'token' in the server's data directory.",
        )
    return JSONResponse(
        {
            "access_token": call.services.token,
            "expires_on": str(int(call.moment.now) + LIFETIME_S),
            "resource": call.request.query_params.get("resource", call.base_url),
            "token_type": "Bearer",
        }
    )
