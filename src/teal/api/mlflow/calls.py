"""What handlers of MLflow's API read from a request beside its body: queries, pages, and which client is asking."""

from teal.api.calls import WorkspaceCall
from teal.api.wire.members import Members
from teal.domain.artifacts import ARTIFACTS
from teal.domain.errors import InvalidInput

MAX_RESULTS = 200_000


def artifact_root(call: WorkspaceCall) -> str:
    """Where artifact addresses start that the calling client can open (`spec/mlflow.md` §8): Azure's plug-in knows one
    kind, Teal's own another."""
    if "azureml-mlflow/" in call.request.headers.get("user-agent", ""):
        return ARTIFACTS
    return f"teal://{call.host}/mlflow/v2.0{call.id.arm}/artifacts"


async def read_members(call: WorkspaceCall) -> Members:
    """The arguments of a call: of its body, or of its query where it has none."""
    body = await call.json()
    if body:
        return Members(body)
    query: dict[str, object] = dict(call.request.query_params)
    query.pop("stages", None)  # a list
    limit = str(query.get("max_results", ""))
    if limit.isascii() and limit.isdigit():
        query["max_results"] = int(limit)
    return Members(query)


def read_limit(members: Members, default: int) -> int:
    wanted = members.whole("max_results", default)
    if not 1 <= wanted <= MAX_RESULTS:
        raise InvalidInput(f"max_results must be from 1 to {MAX_RESULTS}, not {wanted}.", target="max_results")
    return wanted


def read_orders(call: WorkspaceCall) -> list[str]:
    return call.request.query_params.getlist("order_by")


def read_offset(members: Members) -> int:
    """Pages are numbered by what came before them."""
    token = members.text("page_token") or "0"
    if not (token.isascii() and token.isdigit()):
        raise InvalidInput("page_token is not one that this server gave out.", target="page_token")
    return int(token)
