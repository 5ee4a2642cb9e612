"""What can go wrong for a caller of the SDK. The CLI, the MLflow plugin and the studio catch these.

    TealError                          everything below
     ├─ NotRunning                     no server found, or nobody answers there
     ├─ ValidationError                refused before anything was sent: a file, a key, a value
     │   └─ Unsupported                azure.ai.ml has it, Teal has not
     ├─ OperationFailed                the server accepted a long-running operation, and it ended Failed or Canceled
     ├─ OperationTimedOut              still going on when the caller stopped waiting (also a TimeoutError)
     └─ HttpResponseError              the server, or the endpoint, answered with an error
         ├─ ClientAuthenticationError  401
         ├─ ResourceNotFoundError      404
         ├─ ResourceExistsError        409
         └─ ResourceModifiedError      412: somebody else changed it in between

Each carries `code`, `target`, `message` and `hint`; `target` and `hint` may be None. The names below
HttpResponseError are those of `azure.core.exceptions`, which callers of azure.ai.ml catch.
"""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree


class TealError(Exception):
    """The root: catch this to catch everything the SDK raises on purpose."""

    #: One word for programs; the server's own where the server said it.
    code: str = "TealError"
    #: What it is about: a property, a resource.
    target: str | None = None

    def __init__(self, message: str, *, hint: str | None = None, target: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.target = target
        #: What the caller can do next, in one sentence.
        self.hint = hint


class NotRunning(TealError):
    """There is no server to talk to."""

    code = "NotRunning"


class ValidationError(TealError):
    """What was asked for cannot be right; nothing was sent."""

    code = "ValidationError"


class Unsupported(ValidationError):
    """Azure has it and Teal has not, or not yet; nothing was sent."""

    code = "NotSupported"


class OperationFailed(TealError):
    """A long-running operation ended without success; `code` and `message` are the server's own."""

    def __init__(self, code: str, message: str, *, status: str = "Failed", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.status = status

    def __str__(self) -> str:
        return f"({self.code}) {self.message}"


class OperationTimedOut(TealError, TimeoutError):
    """The caller's patience ended before the operation did; it goes on at the server."""

    code = "OperationTimedOut"


class HttpResponseError(TealError):
    """An answer with a status of 400 or more."""

    def __init__(
        self, message: str, *, status_code: int, code: str, target: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint, target=target)
        self.status_code = status_code
        self.code = code

    def __str__(self) -> str:
        return f"({self.code}) {self.message}"


class ClientAuthenticationError(HttpResponseError):
    """The token or key was missing, wrong or expired."""


class ResourceNotFoundError(HttpResponseError):
    """There is no such thing."""


class ResourceExistsError(HttpResponseError):
    """There is such a thing already, or it is busy."""


class ResourceModifiedError(HttpResponseError):
    """It is no longer what the caller read: somebody else has changed it meanwhile."""


def build_http_error(status_code: int, body: object, *, hint: str | None = None) -> HttpResponseError:
    """Turn an answer into an error: `{"error": {"code", "message"}}` where the body has it (spec/wire.md §2)."""
    code, message, target = _read_error(status_code, body)
    kind = _BY_STATUS.get(status_code, HttpResponseError)
    return kind(message, status_code=status_code, code=code, target=target, hint=hint)


# --- private

_BY_STATUS: Mapping[int, type[HttpResponseError]] = {
    401: ClientAuthenticationError,
    404: ResourceNotFoundError,
    409: ResourceExistsError,
    412: ResourceModifiedError,
}


def _read_error(status_code: int, body: object) -> tuple[str, str, str | None]:
    fallback = f"Http{status_code}"
    error: Any = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        message = str(error.get("message") or f"the server answered {status_code} without a message")
        details = error.get("details")
        if isinstance(details, list):
            lines = [str(detail["message"]) for detail in details if isinstance(detail, dict) and "message" in detail]
            message = "\n".join([message, *(line for line in lines if line not in message)])
        target = error.get("target")
        return str(error.get("code") or fallback), message, str(target) if target else None
    text = body.removeprefix("\ufeff").strip() if isinstance(body, str) else ""
    if (found := _read_blob_error(text)) is not None:
        return found[0] or fallback, found[1] or f"the server answered {status_code} without a message", None
    return fallback, text[:4000] or f"the server answered {status_code} without a message", None


def _read_blob_error(text: str) -> tuple[str, str] | None:
    """Code and message of what blob storage answers: `<Error><Code/><Message/></Error>` (spec/wire.md §5)."""
    if not text.startswith("<"):
        return None
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return None
    if root.tag != "Error":
        return None
    return (root.findtext("Code") or "").strip(), (root.findtext("Message") or "").strip()
