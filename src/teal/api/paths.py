"""ARM paths in any case: middleware that writes their fixed segments as the routes have them (`spec/wire.md` §2).

Types and names alternate, so a name that looks like a type is left alone.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from teal.domain.resource_ids import PROVIDER

SEGMENTS = (
    "subscriptions", "resourceGroups", "providers", "workspaces", "locations", "mfeOperationsStatus",
    "mfeOperationResults", "datastores", "listSecrets", "models", "environments", "codes", "data", "versions",
    "computes", "startPendingUpload", "onlineEndpoints", "listKeys", "regenerateKeys", "token", "deployments",
    "getLogs", "skus",
)  # fmt: skip


OTHER_ROOTS = ("mlflow", "artifact", "history", "modelmanagement")


class NormalizePaths:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": normalize_path(scope["path"])}
        await self._app(scope, receive, send)


def normalize_path(path: str) -> str:
    """`/SUBSCRIPTIONS/s/resourcegroups/RG/...` -> `/subscriptions/s/resourceGroups/RG/...`; other paths stay."""
    segments = path.strip("/").split("/")
    # The addresses of MLflow's clients have a workspace behind their root and version, and then words of their own.
    first, last = (2, 10) if segments[0] in OTHER_ROOTS else (0, len(segments))
    if len(segments) <= first or segments[first].lower() != "subscriptions":
        return path
    for index in range(first, min(last, len(segments)), 2):
        segments[index] = _CANONICAL.get(segments[index].lower(), segments[index])
        if segments[index] == "providers" and index + 1 < len(segments):
            segments[index + 1] = _CANONICAL.get(segments[index + 1].lower(), segments[index + 1])
    return "/" + "/".join(segments)


# --- private

_CANONICAL = {segment.lower(): segment for segment in (*SEGMENTS, PROVIDER)}
