"""`client.compute`: what instances can run on; names as azure.ai.ml's ComputeOperations (spec/wire.md §3.8)."""

from collections.abc import Iterator

from teal.sdk.entities.computes import Compute
from teal.sdk.paths import below
from teal.sdk.scopes import Scope
from teal.sdk.transport import Conversation
from teal.sdk.wire.computes import parse_compute


class ComputeOperations:
    """Reads computes."""

    def __init__(self, conversation: Conversation, scope: Scope) -> None:
        self._conversation = conversation
        self._root = f"{scope.id}/computes"

    def get(self, name: str) -> Compute:
        """The compute of that name."""
        return parse_compute(self._conversation.get(below(self._root, name), "computes"))

    def list(self, *, compute_type: str | None = None) -> Iterator[Compute]:
        """All computes of the workspace, or those of one type."""
        found = (parse_compute(each) for each in self._conversation.pages(self._root, "computes"))
        return (each for each in found if compute_type is None or each.type == compute_type.lower())
