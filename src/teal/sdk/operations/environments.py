"""`client.environments`; names and arguments as azure.ai.ml's EnvironmentOperations (spec/wire.md §3.5)."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from teal.sdk.entities.environments import Environment
from teal.sdk.errors import ResourceExistsError, ResourceNotFoundError, ValidationError
from teal.sdk.folders import hash_text
from teal.sdk.operations.versions import VersionedAssets
from teal.sdk.scopes import Scope
from teal.sdk.shapes import is_address
from teal.sdk.transport import Conversation
from teal.sdk.unsupported import refuse_share
from teal.sdk.uploads import find_default_container, fingerprint, upload_once
from teal.sdk.wire.containers import parse_container
from teal.sdk.wire.environments import build_environment, parse_environment
from teal.sdk.yaml_files import YamlError, format_yaml, parse_yaml

ANONYMOUS_NAME = "CliV2AnonymousEnvironment"


class EnvironmentOperations:
    """Registers, reads and lists environments."""

    def __init__(self, conversation: Conversation, scope: Scope) -> None:
        self._conversation = conversation
        self._scope = scope
        self._assets = VersionedAssets(conversation, scope, "environments")

    def create_or_update(self, environment: Environment) -> Environment:
        """Register the version. Without one: the latest if it says the same, else the next (spec/wire.md §3.5)."""
        _check(environment)
        conda = _read_conda(environment)
        context = self._place_context(environment, send=True)
        body = build_environment(environment, conda=conda, context_uri=context, anonymous=environment.name is None)
        if environment.name is None:
            return parse_environment(self._assets.write(ANONYMOUS_NAME, _identity(environment, conda, context), body))
        if environment.version:
            return parse_environment(self._assets.write(environment.name, environment.version, body))
        container = self._assets.container(environment.name) or {}
        try:
            written = self._assets.write(environment.name, str(container.get("latestVersion") or "1"), body)
        except ResourceExistsError:
            following = (self._assets.container(environment.name) or {}).get("nextVersion")
            written = self._assets.write(environment.name, str(following or "2"), body)
        return parse_environment(written)

    def get(self, name: str, version: str | None = None, label: str | None = None) -> Environment:
        """One version; the newest where neither version nor label says which."""
        return parse_environment(self._assets.read(name, version, label))

    def list(self, name: str | None = None, *, list_view_type: str = "ActiveOnly") -> Iterator[Environment]:
        """The versions of a name, or without a name, the names."""
        if name is None:
            return (parse_container(Environment, each) for each in self._assets.containers(list_view_type))
        return (parse_environment(each) for each in self._assets.versions(name, list_view_type))

    def find_same(self, environment: Environment) -> Environment | None:
        """The registered version with this name and content (the newest such), or None; nothing is sent."""
        _check(environment)
        conda = _read_conda(environment)
        context = self._place_context(environment, send=False)
        name = environment.name or ANONYMOUS_NAME
        version = environment.version or (_identity(environment, conda, context) if environment.name is None else None)
        try:
            resource = self._assets.read(name, version, None)
        except ResourceNotFoundError:
            return None
        wanted = build_environment(environment, conda=conda, context_uri=context, anonymous=environment.name is None)
        return parse_environment(resource) if _content(wanted) == _content(resource) else None

    def share(self, *_: Any, **__: Any) -> NoReturn:
        """Not offered: there are no registries."""
        refuse_share()

    def archive(self, name: str, version: str | None = None, label: str | None = None) -> None:
        """Hide from lists."""
        self._assets.set_archived(name, version, label, True)

    def restore(self, name: str, version: str | None = None, label: str | None = None) -> None:
        """Show in lists again."""
        self._assets.set_archived(name, version, label, False)

    def resolve(self, environment: str | Environment) -> str:
        """The id a deployment refers to, registering the environment if it is described in place."""
        if isinstance(environment, str):
            return self._assets.resolve(environment, "environment")
        return str(environment.id or self.create_or_update(environment).id)

    # --- private

    def _place_context(self, environment: Environment, *, send: bool) -> str | None:
        if environment.build is None or environment.build.path is None:
            return None
        if is_address(str(environment.build.path)):
            return str(environment.build.path)
        path = Path(environment.build.path).expanduser()
        if not path.is_dir():
            raise ValidationError(f"build.path must be a folder with a Dockerfile; {path} is not a folder.")
        container = find_default_container(self._conversation, self._scope.id, environment.datastore)
        folder = f"LocalUpload/{fingerprint(path)}"
        prefix = f"{folder}/{path.resolve().name}"
        if send:
            upload_once(self._conversation, container, path, folder)
        return f"{container.url}/{prefix}/"


def _check(environment: Environment) -> None:
    if environment.image and environment.build:
        raise ValidationError("An environment has an image or a build context, not both.")
    if not (environment.image or environment.build or environment.conda_file):
        raise ValidationError(
            "The environment is empty.", hint="Give it an `image`, a `conda_file` beside one, or a `build` context."
        )


def _read_conda(environment: Environment) -> str | None:
    source: Any = environment.conda_file
    if source is None:
        return None
    if isinstance(source, (str, os.PathLike)):
        path = Path(source).expanduser()
        try:
            source = parse_yaml(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ValidationError(f"The conda file {path} cannot be read: {error.strerror}.") from error
        except YamlError as error:
            raise ValidationError(f"The conda file {path} is not valid YAML: {error}") from error
        if not isinstance(source, dict):
            raise ValidationError(f"The conda file {path} holds no keys and values.")
    return format_yaml(source, sort_keys=True)


def _content(resource: Mapping[str, Any]) -> dict[str, Any]:
    """What makes two versions the same environment."""
    properties = resource.get("properties") or {}
    found = {key: properties.get(key) or None for key in ("image", "build", "inferenceConfig")}
    conda = properties.get("condaFile")
    return {**found, "condaFile": parse_yaml(conda) if conda else None}


def _identity(environment: Environment, conda: str | None, context: str | None) -> str:
    inference = json.dumps(environment.inference_config, sort_keys=True) if environment.inference_config else ""
    dockerfile = (environment.build.dockerfile_path or "") if environment.build else ""
    return hash_text(environment.image or "", conda or "", context or "", dockerfile, inference)[:32]
