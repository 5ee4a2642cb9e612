"""Errors of the SDK as MLflow's callers expect them: an MlflowException with the sentence, and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from click import ClickException
from mlflow.exceptions import MlflowException
from mlflow.protos import databricks_pb2 as codes

from teal.sdk.errors import (
    ClientAuthenticationError,
    ResourceExistsError,
    ResourceNotFoundError,
    TealError,
    ValidationError,
)


class RefusedByTeal(MlflowException, ClickException):
    """Programs see MLflow's kind of error; its command line, which shows a traceback for that, shows the sentence."""

    def __init__(self, text: str, code: int = codes.INTERNAL_ERROR) -> None:  # what is unpickled gives the text alone
        MlflowException.__init__(self, text, error_code=code)


@contextmanager
def as_mlflow() -> Iterator[None]:
    """What the SDK raises on purpose leaves as MLflow's own kind."""
    try:
        yield
    except TealError as error:
        text = f"{error} {error.hint}" if error.hint else str(error)
        raise RefusedByTeal(text, _code(error)) from error


# --- private

_CODES: tuple[tuple[type[TealError], int], ...] = (
    (ClientAuthenticationError, codes.UNAUTHENTICATED),
    (ResourceNotFoundError, codes.RESOURCE_DOES_NOT_EXIST),
    (ResourceExistsError, codes.RESOURCE_CONFLICT),
    (ValidationError, codes.INVALID_PARAMETER_VALUE),
)


def _code(error: TealError) -> int:
    return next((code for kind, code in _CODES if isinstance(error, kind)), codes.INTERNAL_ERROR)
