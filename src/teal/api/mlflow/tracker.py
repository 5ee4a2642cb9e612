"""What serves experiment tracking behind this API, if anything does; implemented by teal.server.tracking."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from teal.domain.errors import TealError
from teal.domain.resource_ids import WorkspaceId


class TrackingFailed(TealError):
    """MLflow's server did not start, or has ended."""

    code = "TrackingFailed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingRequest:
    """A request as MLflow's own server knows it: `path` starts with /api. `query` is still encoded."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingAnswer:
    status: int
    content_type: str
    body: bytes


class Tracker(Protocol):
    """MLflow's own server for each workspace, started when it is first asked for."""

    async def send(self, workspace: WorkspaceId, request: TrackingRequest) -> TrackingAnswer:
        """The answer of the workspace's server; raises TrackingFailed when it cannot be started."""
        ...
