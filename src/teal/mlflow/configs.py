"""The `config` of MLflow's deployments client: in place, in files, or both -> what the SDK reads from YAML files.

The keys are those of an endpoint's or a deployment's YAML. Called by teal.mlflow.deployments.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from teal.sdk.entities.deployments import OnlineDeployment
from teal.sdk.entities.endpoints import OnlineEndpoint
from teal.sdk.errors import ValidationError
from teal.sdk.loading import load_data, parse_deployment_data, parse_endpoint_data, place_here
from teal.sdk.shapes import Place

ENDPOINT_FILE = "endpoint-config-file"
DEPLOYMENT_FILE = "deploy-config-file"
TRAFFIC = ("traffic", "mirror_traffic")
DEFAULT_INSTANCE_TYPE = "Standard_DS3_v2"


@dataclass(frozen=True, slots=True)
class Config:
    """What was asked for, by key, and where its relative paths start. `wait` False: the call returns at once."""

    values: Mapping[str, Any]
    place: Place
    wait: bool = True

    def without(self, *keys: str) -> dict[str, Any]:
        return {key: value for key, value in self.values.items() if key not in keys}


def read_config(given: Mapping[str, Any] | None, file_key: str) -> Config:
    """A file that `file_key` names, with what stands beside it in place; that wins."""
    inline = {key: _read_text(value) for key, value in (given or {}).items() if key not in _FILES}
    for other in set(given or {}) & (_FILES - {file_key}):
        raise ValidationError(f"'{other}' does not belong here; '{file_key}' does.")
    values: dict[str, Any] = {}
    place = place_here("config")
    if path := (given or {}).get(file_key):
        values, place = load_data(path)
    values = {**values, **inline}
    wait = not values.pop("async", False)
    return Config(values, place, wait)


def build_endpoint(name: str, config: Config) -> OnlineEndpoint:
    return parse_endpoint_data({**config.without(*TRAFFIC), "name": name}, config.place)


def build_deployment(name: str, endpoint: str, model: str, config: Config) -> OnlineDeployment:
    values = config.without(*TRAFFIC)
    if "model" in values:
        raise ValidationError("The model is given by model_uri, not in the config.")
    given = values.setdefault("endpoint_name", endpoint)
    if str(given).lower() != endpoint.lower():
        raise ValidationError(f"The config names the endpoint '{given}', the call '{endpoint}'.")
    values.setdefault("instance_type", DEFAULT_INSTANCE_TYPE)
    values.setdefault("instance_count", 1)
    return parse_deployment_data({**values, "name": name, "model": model}, config.place)


def read_changes(name: str, endpoint: str, config: Config) -> dict[str, Any]:
    """The attributes of a deployment that a config names, and no others."""
    values = config.without(*TRAFFIC, "name", "endpoint_name", "type", "$schema")
    if "model" in values:
        raise ValidationError("The model is given by model_uri, not in the config.")
    if not values:
        return {}
    shaped = {**values, "name": name, "endpoint_name": endpoint, "instance_type": DEFAULT_INSTANCE_TYPE, **values}
    parsed = parse_deployment_data(shaped, config.place)
    return {key: getattr(parsed, key) for key in values}


def plan_shares(value: object, name: str, shares: Mapping[str, int], what: str) -> dict[str, int]:
    """A map of shares as it is; a single number is the share of this deployment, the rest stays with the other one."""
    if isinstance(value, Mapping):
        return {str(key): int(percent) for key, percent in value.items()}
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValidationError(f"{what} is a map of percentages or one percentage, not {value!r}.")
    share, others = int(value), [other for other, percent in shares.items() if percent and other != name]
    if what == "mirror_traffic":
        return {name: share}
    if share == 100 or not others:
        return {name: share}
    if len(others) > 1:
        raise ValidationError(
            f"A share of {share} for '{name}' does not say what is left for {', '.join(sorted(others))}.",
            hint='Name them all: {"traffic": {"blue": 90, "green": 10}}.',
        )
    return {others[0]: 100 - share, name: share}


# --- private

_FILES = {ENDPOINT_FILE, DEPLOYMENT_FILE}


def _read_text(value: Any) -> Any:
    """The command line knows text only: `-C instance_count=2`, `-C 'traffic={"blue": 100}'`."""
    if not isinstance(value, str):
        return value
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        return value
