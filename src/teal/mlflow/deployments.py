"""MLflow's deployments plugin `teal`: `get_deploy_client("teal")`, `mlflow deployments … -t teal` (`spec/mlflow.md`).

Found through the entry point `mlflow.deployments`; MLflow wants one client class, `run_local` and `target_help` here.
The same methods, config keys and results as Azure's plugin has, over Teal's SDK.
"""

import dataclasses
import subprocess
import sys
import weakref
from collections.abc import Mapping
from typing import Any

from mlflow.deployments import BaseDeploymentClient
from mlflow.exceptions import MlflowException

from teal.mlflow import configs
from teal.mlflow.configs import DEPLOYMENT_FILE, ENDPOINT_FILE, Config
from teal.mlflow.failures import as_mlflow
from teal.mlflow.help import TARGET_HELP
from teal.mlflow.model_uris import resolve_model
from teal.mlflow.predictions import build_payload, parse_answer
from teal.mlflow.targets import find_target, open_client
from teal.sdk.addresses import find_server
from teal.sdk.errors import NotRunning, ResourceNotFoundError, TealError, ValidationError
from teal.sdk.transport import Conversation

FLAVOR = "python_function"


def target_help() -> str:
    """What `mlflow deployments help -t teal` prints."""
    return TARGET_HELP


def run_local(name: str, model_uri: str, flavor: str | None = None, config: Mapping[str, Any] | None = None) -> None:
    """Deploy on this machine, starting a server here if there is none: an endpoint and a deployment of that name."""
    with as_mlflow():
        try:
            find_server()
        except NotRunning:
            subprocess.run([sys.executable, "-m", "teal.cli.main", "up", "--detach"], check=True)
    client = TealDeploymentClient("teal")
    client.create_deployment(name, model_uri, flavor, config)
    endpoint = client.get_endpoint(name)
    print(f"{name} answers at {endpoint['properties']['scoringUri']}")
    print(f"Its key: teal online-endpoint get-credentials --name {name}")


class TealDeploymentClient(BaseDeploymentClient):
    """Endpoints and deployments of one workspace. `endpoint` may be left out where it has the deployment's name."""

    def __init__(self, target_uri: str) -> None:
        super().__init__(target_uri)
        with as_mlflow():
            self._target = find_target(target_uri)
            self._client = open_client(self._target)
            self._conversation = Conversation(self._target.address)
        # MLflow's clients are never closed, only forgotten.
        weakref.finalize(self, self._conversation.close)
        weakref.finalize(self, self._client.close)

    # --- endpoints

    def create_endpoint(self, name: str, config: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Create an endpoint, or make it what the config says; traffic only once there is something to give it to."""
        with as_mlflow():
            asked = configs.read_config(config, ENDPOINT_FILE)
            poller = self._client.online_endpoints.begin_create_or_update(configs.build_endpoint(name, asked))
            if asked.wait:
                poller.result()
                self._set_traffic(name, None, asked)
            return self._endpoint(name)

    def update_endpoint(self, endpoint: str, config: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Change what the config names and nothing else; maps of traffic are replaced whole."""
        with as_mlflow():
            asked = configs.read_config(config, ENDPOINT_FILE)
            parsed = configs.build_endpoint(endpoint, asked)
            fixed = {"auth_mode", "identity", "location", "name", "properties"}
            changes = {key: getattr(parsed, key) for key in asked.without(*configs.TRAFFIC) if key not in fixed}
            if changes:
                self._client.online_endpoints.begin_update(endpoint, **changes).result()
            self._set_traffic(endpoint, None, asked)
            return self._endpoint(endpoint)

    def delete_endpoint(self, endpoint: str) -> None:
        """With its deployments; what is not there is gone already."""
        with as_mlflow():
            try:
                self._endpoint(endpoint)
            except ResourceNotFoundError:
                return
            self._client.online_endpoints.begin_delete(endpoint).result()

    def list_endpoints(self) -> list[dict[str, Any]]:
        with as_mlflow():
            path = f"{self._target.scope.id}/onlineEndpoints"
            return [_without_nulls(each) for each in self._conversation.pages(path, "onlineEndpoints")]

    def get_endpoint(self, endpoint: str) -> dict[str, Any]:
        with as_mlflow():
            return self._endpoint(endpoint)

    # --- deployments

    def create_deployment(
        self,
        name: str,
        model_uri: str,
        flavor: str | None = None,
        config: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
    ) -> dict[str, Any]:
        """Deploy a model: `models:/name/version`, `models:/name@alias`, `runs:/…` or a folder, which is registered.

        Without `endpoint`, an endpoint of the same name is made and gets all traffic. Of an existing name, an update.
        """
        _check_flavor(flavor)
        with as_mlflow():
            asked = configs.read_config(config, DEPLOYMENT_FILE)
            alone, where = endpoint is None, endpoint or name
            model = resolve_model(model_uri, self._client, self._target, name=f"{name}-model")
            wanted = configs.build_deployment(name, where, model, asked)
            is_new = alone and self._ensure_endpoint(name)
            try:
                poller = self._client.online_deployments.begin_create_or_update(wanted)
            except TealError:
                if is_new:  # for a deployment that never was
                    self._client.online_endpoints.begin_delete(name).result()
                raise
            if asked.wait:
                poller.result()
                self._set_traffic(where, name, asked, default={name: 100} if alone else None)
            return self._deployment(name, where, flavor)

    def update_deployment(
        self,
        name: str,
        model_uri: str | None = None,
        flavor: str | None = None,
        config: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
    ) -> dict[str, Any]:
        """Another model, or what the config names; all else stays."""
        _check_flavor(flavor)
        with as_mlflow():
            where, asked = endpoint or name, configs.read_config(config, DEPLOYMENT_FILE)
            changes = configs.read_changes(name, where, asked)
            if model_uri is not None:
                changes["model"] = resolve_model(model_uri, self._client, self._target, name=f"{name}-model")
            if changes:
                before = self._client.online_deployments.get(name, where)
                after = dataclasses.replace(before, **changes)
                poller = self._client.online_deployments.begin_change(before, after)
                if asked.wait:
                    poller.result()
            if asked.wait:
                self._set_traffic(where, name, asked)
            return self._deployment(name, where, flavor)

    def delete_deployment(
        self,
        name: str,
        config: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
        *,
        delete_empty_endpoint: bool = False,
    ) -> None:
        """Also one that has all the traffic; the share of one among several has to be given to another first."""
        with as_mlflow():
            where = endpoint or name
            shares = self._client.online_endpoints.get(where).traffic
            left = {other: percent for other, percent in shares.items() if percent and other != name.lower()}
            if shares.get(name.lower()) and left:
                raise ValidationError(
                    f"'{name}' gets {shares[name.lower()]} percent of the traffic of '{where}'.",
                    hint="Give its share to another deployment first, with update_endpoint and a traffic map.",
                )
            if shares.get(name.lower()):
                self._client.online_endpoints.begin_update(where, traffic={}).result()
            self._client.online_deployments.begin_delete(name, where).result()
            if delete_empty_endpoint and not list(self._client.online_deployments.list(where)):
                self._client.online_endpoints.begin_delete(where).result()

    def list_deployments(self, endpoint: str | None = None) -> list[dict[str, Any]]:
        """Of one endpoint, or of all, then with the endpoint's name and addresses."""
        if endpoint is None:
            return [
                {
                    **deployment,
                    "endpointName": each["name"],
                    "scoringUri": each["properties"].get("scoringUri"),
                    "swaggerUri": each["properties"].get("swaggerUri"),
                }
                for each in self.list_endpoints()
                for deployment in self.list_deployments(each["name"])
            ]
        with as_mlflow():
            path = f"{self._target.scope.id}/onlineEndpoints/{endpoint}/deployments"
            return [_without_nulls(each) for each in self._conversation.pages(path, "deployments")]

    def get_deployment(self, name: str, endpoint: str | None = None) -> dict[str, Any]:
        with as_mlflow():
            return self._deployment(name, endpoint or name, None)

    def predict(
        self,
        deployment_name: str | None = None,
        inputs: Any = None,
        endpoint: str | None = None,
        *,
        df: Any = None,
        params: Mapping[str, Any] | None = None,
    ) -> Any:
        """The predictions as a frame. With an endpoint alone its traffic decides who answers; `df` is Azure's name for
        `inputs`."""
        with as_mlflow():
            if endpoint is None and deployment_name is None:
                raise ValidationError("Give deployment_name, endpoint, or both.")
            given = df if inputs is None else inputs
            if given is None:
                raise ValidationError("There is nothing to predict from.", hint="Give inputs.")
            named = deployment_name if endpoint else None
            text = self._client.online_endpoints.invoke(
                str(endpoint or deployment_name), deployment_name=named, input_data=build_payload(given, params)
            )
            return parse_answer(text)

    # --- private

    def _ensure_endpoint(self, name: str) -> bool:
        """Whether it had to be made."""
        try:
            self._endpoint(name)
        except ResourceNotFoundError:
            endpoint = configs.build_endpoint(name, configs.read_config(None, ENDPOINT_FILE))
            self._client.online_endpoints.begin_create_or_update(endpoint).result()
            return True
        return False

    def _set_traffic(
        self, endpoint: str, deployment: str | None, asked: Config, *, default: Mapping[str, int] | None = None
    ) -> None:
        """Live traffic first: a deployment cannot have both kinds."""
        shares: dict[str, Any] = {}
        for what in configs.TRAFFIC:
            value = asked.values.get(what, default if what == "traffic" else None)
            if value is None:
                continue
            if deployment is None and not isinstance(value, Mapping):
                raise ValidationError(f"{what} of an endpoint is a map of percentages by deployment, not {value!r}.")
            before = self._client.online_endpoints.get(endpoint)
            shares[what] = configs.plan_shares(value, (deployment or "").lower(), getattr(before, what), what)
        if shares:
            self._client.online_endpoints.begin_update(endpoint, **shares).result()

    def _endpoint(self, name: str) -> dict[str, Any]:
        return _without_nulls(
            self._conversation.get(f"{self._target.scope.id}/onlineEndpoints/{name}", "onlineEndpoints")
        )

    def _deployment(self, name: str, endpoint: str, flavor: str | None) -> dict[str, Any]:
        path = f"{self._target.scope.id}/onlineEndpoints/{endpoint}/deployments/{name}"
        found = _without_nulls(self._conversation.get(path, "deployments"))
        return {**found, "flavor": flavor or FLAVOR}


def _check_flavor(flavor: str | None) -> None:
    if flavor not in (None, FLAVOR):
        raise MlflowException(f"Models are served by their flavor {FLAVOR}, not by '{flavor}'.")


def _without_nulls(resource: Any) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if value is not None}
