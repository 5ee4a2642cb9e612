"""MLClient: one object with everything a caller can do; names and arguments as azure.ai.ml's."""

import os
from typing import Any, overload

import httpx

from teal.sdk import unsupported
from teal.sdk.addresses import find_server
from teal.sdk.entities.deployments import OnlineDeployment
from teal.sdk.entities.endpoints import OnlineEndpoint
from teal.sdk.entities.environments import Environment
from teal.sdk.entities.models import Model
from teal.sdk.entities.workspaces import Workspace
from teal.sdk.operations.computes import ComputeOperations
from teal.sdk.operations.deployments import OnlineDeploymentOperations
from teal.sdk.operations.endpoints import OnlineEndpointOperations
from teal.sdk.operations.environments import EnvironmentOperations
from teal.sdk.operations.files import FileOperations
from teal.sdk.operations.models import ModelOperations
from teal.sdk.operations.workspaces import WorkspaceOperations
from teal.sdk.pollers import LROPoller
from teal.sdk.scopes import load_scope
from teal.sdk.transport import Conversation
from teal.sdk.workspace_config import load_workspace_config


class MLClient:
    """A client of one workspace of one server.

    The server is found by `url`, `token` and `ca`, else TEAL_URL, TEAL_TOKEN and TEAL_CA, else the data directory
    `teal up` wrote. A `credential` (a token, or an object with `get_token`) is asked only where no token was found, so
    code written for Azure, `MLClient(DefaultAzureCredential(), …)`, works unchanged.
    """

    def __init__(
        self,
        credential: Any = None,
        subscription_id: str | None = None,
        resource_group_name: str | None = None,
        workspace_name: str | None = None,
        *,
        url: str | None = None,
        token: str | None = None,
        ca: str | os.PathLike[str] | None = None,
        transport: httpx.BaseTransport | None = None,
        registry_name: str | None = None,
        cloud: str | None = None,
        enable_telemetry: bool = False,
        show_progress: bool = False,
    ) -> None:
        # Accepted because callers of Azure's client give them: there is one cloud, no telemetry, and no progress bars.
        del cloud, enable_telemetry, show_progress
        unsupported.refuse("registry_name", registry_name)
        address = find_server(url=url, token=token, ca=ca)
        self._scope = load_scope(subscription_id, resource_group_name, workspace_name)
        self._conversation = Conversation(address, credential=credential, transport=transport)
        #: Where the server is.
        self.url = address.url
        self.workspaces = WorkspaceOperations(self._conversation, self._scope)
        self.compute = ComputeOperations(self._conversation, self._scope)
        self.models = ModelOperations(self._conversation, self._scope)
        self.environments = EnvironmentOperations(self._conversation, self._scope)
        self.files = FileOperations(self._conversation, self._scope)
        self.online_endpoints = OnlineEndpointOperations(self._conversation, self._scope, self.workspaces)
        self.online_deployments = OnlineDeploymentOperations(
            self._conversation,
            self._scope,
            workspaces=self.workspaces,
            models=self.models,
            environments=self.environments,
        )

    @classmethod
    def from_config(
        cls,
        credential: Any = None,
        *,
        path: str | os.PathLike[str] | None = None,
        file_name: str | None = None,
        **arguments: Any,
    ) -> "MLClient":
        """A client of the workspace a `config.json` names, in `path` or a folder above it."""
        subscription, group, workspace = load_workspace_config(path, file_name)
        return cls(credential, subscription, group, workspace, **arguments)

    def __getattr__(self, name: str) -> Any:
        """Only asked for what there is not: the groups Azure's client has and this one has not say why."""
        if name in unsupported.GROUPS:
            raise AttributeError(unsupported.describe_missing_group(name))
        raise AttributeError(f"'MLClient' object has no attribute '{name}'")

    @property
    def subscription_id(self) -> str:
        return self._scope.subscription

    @property
    def resource_group_name(self) -> str:
        return self._scope.group

    @property
    def workspace_name(self) -> str:
        return self._scope.workspace

    @overload
    def begin_create_or_update(self, entity: OnlineEndpoint) -> LROPoller[OnlineEndpoint]: ...
    @overload
    def begin_create_or_update(self, entity: OnlineDeployment) -> LROPoller[OnlineDeployment]: ...
    def begin_create_or_update(self, entity: OnlineEndpoint | OnlineDeployment) -> LROPoller[Any]:
        """Create or replace an endpoint or a deployment."""
        if isinstance(entity, OnlineEndpoint):
            return self.online_endpoints.begin_create_or_update(entity)
        if isinstance(entity, OnlineDeployment):
            return self.online_deployments.begin_create_or_update(entity)
        raise TypeError(f"begin_create_or_update takes an endpoint or a deployment, not {type(entity).__name__}")

    @overload
    def create_or_update(self, entity: Model) -> Model: ...
    @overload
    def create_or_update(self, entity: Environment) -> Environment: ...
    @overload
    def create_or_update(self, entity: Workspace) -> Workspace: ...
    def create_or_update(self, entity: Model | Environment | Workspace) -> Model | Environment | Workspace:
        """Register a model or an environment, or make a workspace."""
        if isinstance(entity, Model):
            return self.models.create_or_update(entity)
        if isinstance(entity, Environment):
            return self.environments.create_or_update(entity)
        if isinstance(entity, Workspace):
            return self.workspaces.begin_create(entity).result()
        raise TypeError(f"create_or_update takes a model, an environment or a workspace, not {type(entity).__name__}")

    def close(self) -> None:
        """Let go of the connections."""
        self._conversation.close()

    def __enter__(self) -> "MLClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
