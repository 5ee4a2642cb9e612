"""From a YAML file to an entity: `load_online_endpoint` and its siblings; names and arguments as in azure.ai.ml.

Relative paths start at the file's folder. The CLI uses the `parse_` functions on data it has changed with `--set`.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, cast

from teal.sdk import yaml_shapes
from teal.sdk.entities.deployments import OnlineDeployment
from teal.sdk.entities.endpoints import OnlineEndpoint
from teal.sdk.entities.environments import Environment
from teal.sdk.entities.models import Model
from teal.sdk.entities.workspaces import Workspace
from teal.sdk.errors import ValidationError
from teal.sdk.shapes import Place, Shape
from teal.sdk.yaml_files import YamlError, parse_all_yaml, parse_yaml

Source = str | os.PathLike[str] | IO[str] | IO[bytes]
Overrides = Iterable[Mapping[str, Any]] | None


def load_online_endpoint(
    source: Source, *, relative_origin: str | None = None, params_override: Overrides = None
) -> OnlineEndpoint:
    """An endpoint from its YAML file."""
    data, place = _load(source, relative_origin, params_override)
    return parse_endpoint_data(data, place)


def load_online_deployment(
    source: Source, *, relative_origin: str | None = None, params_override: Overrides = None
) -> OnlineDeployment:
    """A deployment from its YAML file."""
    data, place = _load(source, relative_origin, params_override)
    return parse_deployment_data(data, place)


def load_model(source: Source, *, relative_origin: str | None = None, params_override: Overrides = None) -> Model:
    """A model from its YAML file."""
    data, place = _load(source, relative_origin, params_override)
    return parse_model_data(data, place)


def load_environment(
    source: Source, *, relative_origin: str | None = None, params_override: Overrides = None
) -> Environment:
    """An environment from its YAML file."""
    data, place = _load(source, relative_origin, params_override)
    return parse_environment_data(data, place)


def parse_endpoint_data(data: Mapping[str, Any], place: Place) -> OnlineEndpoint:
    """An endpoint from plain data; one with a `compute` is a Kubernetes one."""
    kubernetes = data.get("compute") or "kubernetes" in str(data.get("$schema", "")).lower()
    shape = yaml_shapes.KUBERNETES_ENDPOINT if kubernetes else yaml_shapes.MANAGED_ENDPOINT
    return cast(OnlineEndpoint, _parse(shape, data, place))


def parse_deployment_data(data: Mapping[str, Any], place: Place) -> OnlineDeployment:
    """A deployment from plain data; `type`, else `$schema`, says which kind."""
    hint = data.get("type") or data.get("$schema") or ""
    kubernetes = "kubernetes" in str(hint).lower()
    shape = yaml_shapes.KUBERNETES_DEPLOYMENT if kubernetes else yaml_shapes.MANAGED_DEPLOYMENT
    return cast(OnlineDeployment, _parse(shape, data, place))


def parse_model_data(data: Mapping[str, Any], place: Place) -> Model:
    """A model from plain data."""
    return cast(Model, _parse(yaml_shapes.MODEL, data, place))


def parse_environment_data(data: Mapping[str, Any], place: Place) -> Environment:
    """An environment from plain data; a conda file is a common mix-up."""
    if "channels" in data or "dependencies" in data:
        raise ValidationError(
            f"{place.source} is a conda file, not an environment.",
            hint="An environment's YAML names it: `conda_file: conda.yaml` beside `name:` and `image:`.",
        )
    return cast(Environment, _parse(yaml_shapes.ENVIRONMENT, data, place))


def load_workspace(
    source: Source, *, relative_origin: str | None = None, params_override: Overrides = None
) -> Workspace:
    """A workspace from its YAML file."""
    data, place = _load(source, relative_origin, params_override)
    return parse_workspace_data(data, place)


def parse_workspace_data(data: Mapping[str, Any], place: Place) -> Workspace:
    """A workspace from plain data; what Azure keeps beside one is accepted and left aside."""
    return cast(Workspace, _parse(yaml_shapes.WORKSPACE, data, place))


def load_documents(source: Source) -> list[tuple[dict[str, Any], Place]]:
    """Every map in a YAML file of several documents, unchecked, and where it stands; empty documents are left out."""
    name, folder, written = _read(source)
    try:
        documents = parse_all_yaml(written)
    except YamlError as error:
        raise ValidationError(f"{name} is not valid YAML: {error}") from error
    found = []
    for number, data in enumerate(documents, 1):
        where = name if len(documents) == 1 else f"{name}, document {number}"
        if data is None:
            continue
        if not isinstance(data, dict):
            raise ValidationError(f"{where}: expected keys and values, found {type(data).__name__}")
        found.append((data, Place(where, folder.resolve())))
    return found


def load_data(source: Source) -> tuple[dict[str, Any], Place]:
    """The map in a YAML file, unchecked, and where it stands."""
    return _load(source, None, None)


def place_here(source: str) -> Place:
    """Where data stands that came from no file: paths start at the working directory."""
    return Place(source, Path.cwd())


def override(data: dict[str, Any], changes: Overrides, source: str) -> dict[str, Any]:
    """Set values by dotted keys, `{"code_configuration.code": "src"}`, making the maps on the way."""
    for change in changes or ():
        for dotted, value in change.items():
            *path, last = dotted.split(".")
            at: Any = data
            for key in path:
                if at.get(key) is None:
                    at[key] = {}
                at = at[key]
                if not isinstance(at, dict):
                    raise ValidationError(f"{source}: '{dotted}' cannot be set: '{key}' is {at!r}, not a map")
            at[last] = value
    return data


# --- private

#: Keys that one kind of file has and the others have not.
_TELLING = {"endpoint_name": "online-deployment", "auth_mode": "online-endpoint", "conda_file": "environment"}


def _parse(shape: Shape, data: Mapping[str, Any], place: Place) -> Any:
    made = shape(data, place)
    if place.problems:
        other = next((kind for key, kind in _TELLING.items() if key in data and key not in shape.keys), None)
        hint = f"It looks like what `teal {other} create` takes." if other else None
        raise ValidationError("\n".join(place.problems), hint=hint)
    return made


def _load(source: Source, relative_origin: str | None, changes: Overrides) -> tuple[dict[str, Any], Place]:
    name, folder, written = _read(source)
    try:
        data = parse_yaml(written)
    except YamlError as error:
        if "expected a single document" in str(error):
            hint = f"`teal apply --file {name}` takes files of several documents."
            raise ValidationError(f"{name} holds several documents; one is wanted here.", hint=hint) from None
        raise ValidationError(f"{name} is not valid YAML: {error}") from error
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ValidationError(f"{name}: expected keys and values, found {type(data).__name__}")
    base = Path(relative_origin) if relative_origin else folder
    base = base if base.is_dir() else base.parent
    return override(data, changes, name), Place(name, base.resolve())


def _read(source: Source) -> tuple[str, Path, str | bytes]:
    if isinstance(source, (str, os.PathLike)):
        path = Path(source).expanduser()
        try:
            return str(source), path.parent, path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ValidationError(f"No such file: {source}") from None
        except IsADirectoryError:
            raise ValidationError(f"{source} is a folder; a YAML file is wanted") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ValidationError(f"{source} cannot be read: {error}") from error
    name = str(getattr(source, "name", "<stream>"))
    folder = Path(name).parent if Path(name).exists() else Path.cwd()
    return name, folder, source.read()
