"""`client.workspaces`: the workspaces of a server; names and arguments as azure.ai.ml's WorkspaceOperations."""

from collections.abc import Iterator

from teal.sdk.entities.workspaces import Workspace
from teal.sdk.errors import ValidationError
from teal.sdk.paths import check_name
from teal.sdk.pollers import LROPoller
from teal.sdk.scopes import Scope
from teal.sdk.transport import Conversation
from teal.sdk.wire.workspaces import build_workspace, parse_workspace


class WorkspaceOperations:
    """Makes, reads and deletes workspaces."""

    def __init__(self, conversation: Conversation, scope: Scope) -> None:
        self._conversation = conversation
        self._scope = scope
        self._location: str | None = None

    def get(self, name: str | None = None) -> Workspace:
        """The workspace of that name in the same group; without a name, the client's own."""
        return parse_workspace(self._conversation.get(self._named(name).id, "workspaces"))

    def list(self, *, scope: str = "resource_group") -> Iterator[Workspace]:
        """Those of the group, or with `scope="subscription"` of the whole subscription."""
        if scope not in ("resource_group", "subscription"):
            raise ValidationError(f"scope is 'resource_group' or 'subscription', not '{scope}'.", target="scope")
        above = f"/subscriptions/{self._scope.subscription}"
        if scope == "resource_group":
            above += f"/resourceGroups/{self._scope.group}"
        path = f"{above}/providers/Microsoft.MachineLearningServices/workspaces"
        return (parse_workspace(each) for each in self._conversation.pages(path, "workspaces"))

    def begin_create(self, workspace: Workspace) -> LROPoller[Workspace]:
        """Make it, or make sure that it is there."""
        scope = Scope(
            self._scope.subscription,
            check_name(workspace.resource_group or self._scope.group),
            check_name(workspace.name),
        )
        body = build_workspace(workspace)
        answer = self._conversation.request("PUT", scope.id, "workspaces", json=body)
        return LROPoller(
            self._conversation, answer, lambda: parse_workspace(self._conversation.get(scope.id, "workspaces"))
        )

    def begin_delete(self, name: str, *, delete_dependent_resources: bool = False) -> LROPoller[None]:
        """Delete it; refused while it has endpoints, which with `delete_dependent_resources` go first."""
        scope = self._named(name)
        if delete_dependent_resources:
            root = f"{scope.id}/onlineEndpoints"
            names = [str(each["name"]) for each in self._conversation.pages(root, "onlineEndpoints")]
            going = [self._conversation.request("DELETE", f"{root}/{each}", "onlineEndpoints") for each in names]
            for each in going:
                LROPoller(self._conversation, each, lambda: None).result()
        answer = self._conversation.request("DELETE", scope.id, "workspaces")
        return LROPoller(self._conversation, answer, lambda: None)

    def location(self) -> str:
        """Where the client's own workspace is; asked for once."""
        if self._location is None:
            self._location = self.get().location or "local"
        return self._location

    # --- private

    def _named(self, name: str | None) -> Scope:
        if name is None:
            return self._scope
        return Scope(self._scope.subscription, self._scope.group, check_name(name))
