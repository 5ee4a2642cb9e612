"""What can be wrong with a request, as one tree; raised by domain and control, turned into HTTP only by api/errors.py.

TealError
├── InvalidInput          the request itself is wrong; nothing was changed
│   └── Unsupported       right in Azure's grammar, but not available here (yet); says what to use instead
├── NotFound              the named thing does not exist
├── AlreadyExists         the named thing exists with other content
├── Conflict              right in itself, but not in the present state of the object
│   └── PreconditionFailed  the caller's If-Match names an older version
└── Unauthenticated       no credential, or a wrong one
"""


class TealError(Exception):
    """An expected failure: a stable `code`, a sentence, the `target` it is about, and what to do (`hint`)."""

    code = "InternalServerError"

    def __init__(self, message: str, *, code: str | None = None, target: str | None = None, hint: str | None = None):
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.target = target
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class InvalidInput(TealError):
    code = "UserError"


class Unsupported(InvalidInput):
    code = "NotSupported"


class NotFound(TealError):
    code = "NotFound"


class AlreadyExists(TealError):
    code = "ResourceExists"


class Conflict(TealError):
    code = "Conflict"


class PreconditionFailed(Conflict):
    code = "PreconditionFailed"


class Unauthenticated(TealError):
    code = "Unauthenticated"
