"""An entity as plain data with snake_case keys: what `show` prints and what a YAML file of it would say. Pure.

Used by the CLI for its output and, loaded again after a change, for `update --set` (spec/azureml.md §0.3, §0.15).
"""

import dataclasses
import os
from typing import Any

from teal.sdk.entities.computes import Compute
from teal.sdk.entities.deployments import OnlineDeployment
from teal.sdk.entities.endpoints import OnlineEndpoint
from teal.sdk.entities.environments import Environment
from teal.sdk.entities.models import Model
from teal.sdk.entities.workspaces import Workspace


def dump(entity: OnlineEndpoint | OnlineDeployment | Model | Environment | Workspace | Compute) -> dict[str, Any]:
    """What is set, in plain data; what is not set is left out, except maps people expect to see empty."""
    plain: dict[str, Any] = _plain(entity)
    plain.pop("etag", None)
    if isinstance(entity, OnlineEndpoint):
        plain = {**{key: {} for key in ("tags", "properties", "traffic", "mirror_traffic")}, **plain}
    if isinstance(entity, OnlineDeployment):
        plain = {**{key: {} for key in ("tags", "properties", "environment_variables")}, **plain}
        plain["type"] = entity.type
        for key in ("model", "environment"):
            if isinstance(value := plain.get(key), str) and value.startswith("/"):
                plain[key] = f"azureml:{value}"
        plain.pop("code_path", None)
        plain.pop("scoring_script", None)
        if entity.code is not None:
            plain["code_configuration"] = _plain(entity.code)
    if isinstance(entity, (Model, Environment)):
        plain = {**{key: {} for key in ("tags", "properties")}, **plain}
    return dict(sorted(plain.items()))


# --- private


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((field.name, _plain(getattr(value, field.name))) for field in dataclasses.fields(value))
        return {key: item for key, item in pairs if item is not None and item not in ({}, [])}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value
