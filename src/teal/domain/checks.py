"""A check: a deployment as it would be, built, started and asked once, without an endpoint. Kept by reconcile, shown by
api."""

from dataclasses import dataclass
from enum import StrEnum

from teal.domain.failures import Failure
from teal.domain.phases import Phase
from teal.domain.resource_ids import WorkspaceId

ASKING = "sample request"


class CheckState(StrEnum):
    """RUNNING until nothing of it runs any more; the others are final."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """What is sent to `/score`."""

    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class SampleAnswer:
    """What came back. `body` is cut at MAX_ANSWER_CHARS."""

    status: int
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check. `doing` is what it is busy with, `phases` its steps so far, `notes` where the environment differs
    from the one asked for, `log` the last lines that the instance wrote."""

    id: str
    workspace: WorkspaceId
    deployment: str
    started_at: float
    state: CheckState = CheckState.RUNNING
    doing: str = ""
    phases: tuple[Phase, ...] = ()
    notes: tuple[str, ...] = ()
    failure: Failure | None = None
    answer: SampleAnswer | None = None
    log: str = ""
    ended_at: float | None = None


MAX_ANSWER_CHARS = 4000
