"""`client.online_deployments`; names and arguments as azure.ai.ml's OnlineDeploymentOperations (spec/wire.md §3.7)."""

import contextlib
import dataclasses
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from teal.sdk.entities.checks import DeploymentCheck
from teal.sdk.entities.deployments import OnlineDeployment
from teal.sdk.entities.settings import CodeConfiguration, DataCollector
from teal.sdk.errors import ResourceNotFoundError, TealError, ValidationError
from teal.sdk.operations.codes import CodeOperations
from teal.sdk.operations.data import DataOperations
from teal.sdk.operations.environments import EnvironmentOperations
from teal.sdk.operations.models import ModelOperations
from teal.sdk.operations.workspaces import WorkspaceOperations
from teal.sdk.paths import below
from teal.sdk.pollers import LROPoller
from teal.sdk.scopes import Scope
from teal.sdk.scripts import check_script
from teal.sdk.shapes import is_address
from teal.sdk.transport import Conversation, build_conditions
from teal.sdk.unsupported import refuse, refuse_local
from teal.sdk.wire.checks import build_check, load_request, parse_check
from teal.sdk.wire.deployments import build_deployment, parse_deployment
from teal.sdk.wire.fields import as_map
from teal.sdk.wire.patches import build_patch

CHECK_LOOK_S = 0.2
SKIP_PROPERTY = "teal.skip_script_validation"
CONTAINER_TYPES = {"inference-server": "InferenceServer", "storage-initializer": "StorageInitializer"}


class OnlineDeploymentOperations:
    """Creates, reads, changes and deletes deployments, and reads their logs."""

    def __init__(
        self,
        conversation: Conversation,
        scope: Scope,
        *,
        workspaces: WorkspaceOperations,
        models: ModelOperations,
        environments: EnvironmentOperations,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._conversation = conversation
        self._root = f"{scope.id}/onlineEndpoints"
        self._workspaces = workspaces
        self._models = models
        self._environments = environments
        self._codes = CodeOperations(conversation, scope)
        self._data = DataOperations(conversation, scope)
        self._new_id = new_id
        self._sleep = sleep

    def begin_create_or_update(
        self,
        deployment: OnlineDeployment,
        *,
        local: bool = False,
        vscode_debug: bool = False,
        skip_script_validation: bool = False,
        local_enable_gpu: bool = False,
        only_new: bool = False,
    ) -> LROPoller[OnlineDeployment]:
        """Create it, or make it exactly as given (PUT); what is described in place is sent first. With `only_new` one
        that exists is left alone (ResourceModifiedError)."""
        refuse_local(local)
        refuse("vscode_debug", vscode_debug)
        refuse("local_enable_gpu", local_enable_gpu)
        path = self._path(deployment.name, deployment.endpoint_name)
        # The endpoint first: nobody wants to wait for an upload to learn that its name was misspelt.
        self._conversation.get(path.rpartition("/deployments/")[0], "onlineEndpoints")
        resolved = self._resolve(_told_to_skip(deployment, skip_script_validation), check=not skip_script_validation)
        body = build_deployment(resolved, location=self._workspaces.location())
        return self._begin("PUT", path, body, only_new=only_new)

    def begin_update(self, name: str, endpoint_name: str, **changes: Any) -> LROPoller[OnlineDeployment]:
        """Change the attributes given and nothing else (PATCH): `begin_update("blue", "e", instance_count=2)`."""
        before = self.get(name, endpoint_name)
        return self.begin_change(before, dataclasses.replace(before, **changes))

    def begin_change(
        self, before: OnlineDeployment, after: OnlineDeployment, *, skip_script_validation: bool = False
    ) -> LROPoller[OnlineDeployment]:
        """Send the difference between two states of one deployment."""
        location = before.location or self._workspaces.location()
        old = build_deployment(self._resolve(before, check=False), location=location)
        after = self._resolve(_told_to_skip(after, skip_script_validation), check=not skip_script_validation)
        new = build_deployment(after, location=location)
        path = self._path(before.name, before.endpoint_name)
        return self._begin("PATCH", path, build_patch(old, new), etag=before.etag)

    def preview(self, deployment: OnlineDeployment) -> OnlineDeployment:
        """The deployment as it would stand once asked for, with the ids of what the server has; nothing is sent.

        Files that it has not got yet stand there by their paths.
        """
        known = dataclasses.replace(
            deployment,
            model=_or_new(deployment.model, self._models),
            environment=_or_new(deployment.environment, self._environments),
            code_configuration=self._preview_code(deployment.code),
            data_collector=self._place_data(deployment, self._data.identify),
        )
        resource = build_deployment(known, location=deployment.location or self._workspaces.location())
        path = self._path(deployment.name, deployment.endpoint_name)
        return parse_deployment({**resource, "id": path, "name": deployment.name})

    def check(
        self,
        deployment: OnlineDeployment,
        *,
        request_file: str | os.PathLike[str] | None = None,
        on_change: Callable[[DeploymentCheck], None] = lambda _: None,
    ) -> DeploymentCheck:
        """Build, start and ask what the deployment would run, once, without touching any endpoint.

        `request_file` is sent to it as it is, a `.json` file as JSON. `on_change` is given every new state of the
        check. What came of it, also a failure, is in the answer; an interrupted call ends the check before it leaves.
        """
        request = None if request_file is None else load_request(request_file)
        # The server looks at the script as at any, and has the names of what may be wrong with it.
        resolved = self._resolve(deployment, check=False)
        body = build_check(resolved, location=self._workspaces.location(), request=request)
        path = below(self._root.rpartition("/")[0], "deploymentChecks", self._new_id())
        try:
            found = parse_check(self._conversation.request("PUT", path, "deployments", json=body).json())
            while not found.ended:
                on_change(found)
                self._sleep(CHECK_LOOK_S)
                found = parse_check(self._conversation.get(path, "deployments"))
        except BaseException:
            with contextlib.suppress(TealError):
                self._conversation.request("DELETE", path, "deployments")
            raise
        on_change(found)
        return found

    def get(self, name: str, endpoint_name: str, *, local: bool | None = False) -> OnlineDeployment:
        """The deployment, and in `observed` what is going on with it."""
        refuse_local(local)
        return self._read(self._path(name, endpoint_name))

    def list(self, endpoint_name: str, *, local: bool = False) -> Iterator[OnlineDeployment]:
        """The deployments of an endpoint."""
        refuse_local(local)
        pages = self._conversation.pages(below(self._root, endpoint_name, "deployments"), "deployments")
        return (parse_deployment(each) for each in pages)

    def begin_delete(self, name: str, endpoint_name: str, *, local: bool | None = False) -> LROPoller[None]:
        """Delete it; refused while it has live traffic."""
        refuse_local(local)
        answer = self._conversation.request("DELETE", self._path(name, endpoint_name), "deployments")
        return LROPoller(self._conversation, answer, lambda: None)

    def delete(self, name: str, endpoint_name: str) -> LROPoller[None]:
        """The name older articles use for begin_delete (spec/azureml.md §0.5)."""
        return self.begin_delete(name, endpoint_name)

    def get_logs(
        self,
        name: str,
        endpoint_name: str,
        lines: int = 5000,
        *,
        container_type: str | None = None,
        local: bool = False,
    ) -> str:
        """The last lines its instances wrote."""
        refuse_local(local)
        body: dict[str, Any] = {"tail": lines}
        if container_type is not None:
            body["containerType"] = CONTAINER_TYPES.get(container_type, container_type)
        answer = self._conversation.post(f"{self._path(name, endpoint_name)}/getLogs", "deployments", body)
        return str(answer.get("content") or "")

    def get_autoscale(self, name: str, endpoint_name: str) -> tuple[dict[str, Any] | None, str | None]:
        """The autoscale setting kept with a deployment, as it was written, and which state of the deployment it is."""
        answer = self._conversation.request("GET", self._path(name, endpoint_name), "deployments")
        return as_map(answer.json().get("properties")).get("autoscale"), answer.headers.get("ETag")

    def list_autoscale(self, endpoint_name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The deployments of an endpoint that have one, and what it is."""
        for resource in self._conversation.pages(below(self._root, endpoint_name, "deployments"), "deployments"):
            if setting := as_map(resource.get("properties")).get("autoscale"):
                yield str(resource["name"]), setting

    def set_autoscale(
        self, name: str, endpoint_name: str, setting: Mapping[str, Any] | None, *, etag: str | None = None
    ) -> None:
        """Keep one with a deployment, or None: remove it. Nothing acts on it yet."""
        path = self._path(name, endpoint_name)
        body = {"properties": {"autoscale": None if setting is None else dict(setting)}}
        self._begin("PATCH", path, body, etag=etag).result()

    # --- private

    def _path(self, name: str, endpoint_name: str | None) -> str:
        if not endpoint_name:
            raise ValidationError(
                f"The deployment '{name}' has no endpoint.",
                hint="`endpoint_name:` in its YAML file, or --endpoint-name.",
            )
        return below(self._root, endpoint_name, "deployments", name)

    def _read(self, path: str) -> OnlineDeployment:
        answer = self._conversation.request("GET", path, "deployments")
        deployment = parse_deployment(answer.json())
        deployment.etag = answer.headers.get("ETag")
        return deployment

    def _begin(
        self, method: str, path: str, body: dict[str, Any], *, etag: str | None = None, only_new: bool = False
    ) -> LROPoller[OnlineDeployment]:
        headers = build_conditions(etag, only_new=only_new)
        answer = self._conversation.request(method, path, "deployments", json=body, headers=headers)
        return LROPoller(self._conversation, answer, lambda: self._read(path))

    def _resolve(self, deployment: OnlineDeployment, *, check: bool) -> OnlineDeployment:
        """The same deployment with ids where it had files and names; the caller's object stays as it was."""
        return dataclasses.replace(
            deployment,
            code_configuration=self._resolve_code(deployment.code, check),
            environment=self._environments.resolve(deployment.environment) if deployment.environment else None,
            model=self._models.resolve(deployment.model) if deployment.model else None,
            data_collector=self._place_data(deployment, self._data.register),
        )

    def _place_data(self, deployment: OnlineDeployment, place: Callable[..., DataCollector]) -> DataCollector | None:
        if deployment.data_collector is None:
            return None
        return place(deployment.data_collector, endpoint=str(deployment.endpoint_name), deployment=deployment.name)

    def _preview_code(self, code: CodeConfiguration | None) -> CodeConfiguration | None:
        if code is None or code.code is None or is_address(str(code.code)):
            return code
        folder = Path(code.code).expanduser()
        same = self._codes.find_same(folder, new_id=self._new_id())
        return CodeConfiguration(same or f"new: {folder}", code.scoring_script)

    def _resolve_code(self, code: CodeConfiguration | None, check: bool) -> CodeConfiguration | None:
        if code is None or code.code is None:
            return code
        if is_address(str(code.code)):
            return CodeConfiguration(str(code.code).removeprefix("azureml:"), code.scoring_script)
        folder = Path(code.code).expanduser()
        if check and folder.is_dir():
            check_script(folder, code.scoring_script)
        return CodeConfiguration(self._codes.register(folder, new_id=self._new_id()), code.scoring_script)


class _Assets(Protocol):
    """What models and environments have in common here."""

    def resolve(self, asset: Any, /) -> str: ...
    def find_same(self, asset: Any, /) -> Any: ...


def _told_to_skip(deployment: OnlineDeployment, skip: bool) -> OnlineDeployment:
    """The server looks at the script too, before it builds an environment; it is told in a property of Teal's own."""
    if not skip:
        return deployment
    return dataclasses.replace(deployment, properties={**deployment.properties, SKIP_PROPERTY: "true"})


def _or_new(asset: Any, operations: _Assets) -> str | None:
    """The id of what the server has; else where it would come from."""
    if asset is None or (isinstance(asset, str) and asset.startswith("new: ")):
        return asset
    if isinstance(asset, str):
        try:
            return operations.resolve(asset)
        except ResourceNotFoundError:
            return f"new: {asset}"
    if asset.id:
        return str(asset.id)
    same = operations.find_same(asset)
    if same is not None:
        return str(same.id)
    return f"new: {asset.name or getattr(asset, 'path', None) or getattr(asset, 'image', None)}"
