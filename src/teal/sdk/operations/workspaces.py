"""`client.workspaces`: the workspace itself, and the location every PUT repeats."""

from teal.sdk.entities.workspaces import Workspace
from teal.sdk.scopes import Scope
from teal.sdk.transport import Conversation
from teal.sdk.wire.workspaces import parse_workspace


class WorkspaceOperations:
    """Reads workspaces."""

    def __init__(self, conversation: Conversation, scope: Scope) -> None:
        self._conversation = conversation
        self._scope = scope
        self._location: str | None = None

    def get(self, name: str | None = None) -> Workspace:
        """The workspace of that name in the same group; without a name, the client's own."""
        scope = Scope(self._scope.subscription, self._scope.group, name) if name else self._scope
        return parse_workspace(self._conversation.get(scope.id, "workspaces"))

    def location(self) -> str:
        """Where the client's own workspace is; asked for once."""
        if self._location is None:
            self._location = self.get().location or "local"
        return self._location
