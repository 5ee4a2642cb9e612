"""`client.online_endpoints`; names and arguments as azure.ai.ml's OnlineEndpointOperations (spec/wire.md §3.6, §6)."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from teal.sdk.entities.endpoints import EndpointAuthKeys, EndpointAuthToken, OnlineEndpoint
from teal.sdk.errors import ResourceNotFoundError, ValidationError, build_http_error
from teal.sdk.operations.workspaces import WorkspaceOperations
from teal.sdk.paths import below
from teal.sdk.pollers import LROPoller
from teal.sdk.scopes import Scope
from teal.sdk.transport import Conversation, build_conditions
from teal.sdk.unsupported import refuse_local
from teal.sdk.wire.endpoints import build_endpoint, build_traffic, parse_endpoint, parse_keys, parse_token
from teal.sdk.wire.fields import as_map, build_texts, pascal
from teal.sdk.wire.patches import build_patch

#: The longest an endpoint may be told to take (spec/azureml.md §1.2: 300 s), and some.
INVOKE_TIMEOUT = httpx.Timeout(330.0, connect=5.0)


class OnlineEndpointOperations:
    """Creates, reads, changes, deletes and calls endpoints."""

    def __init__(self, conversation: Conversation, scope: Scope, workspaces: WorkspaceOperations) -> None:
        self._conversation = conversation
        self._root = f"{scope.id}/onlineEndpoints"
        self._workspaces = workspaces

    def begin_create_or_update(
        self, endpoint: OnlineEndpoint, *, local: bool = False, only_new: bool = False
    ) -> LROPoller[OnlineEndpoint]:
        """Create it, or make it exactly as given: what the object does not say is reset (PUT). With `only_new` one that
        exists is left alone (ResourceModifiedError)."""
        refuse_local(local)
        name = _name(endpoint.name)
        body = build_endpoint(endpoint, location=self._workspaces.location())
        return self._begin("PUT", name, body, only_new=only_new)

    def begin_update(
        self,
        name: str,
        *,
        traffic: Mapping[str, float] | None = None,
        mirror_traffic: Mapping[str, float] | None = None,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
        public_network_access: str | None = None,
    ) -> LROPoller[OnlineEndpoint]:
        """Change what is given and nothing else (PATCH); `traffic` and `mirror_traffic` are replaced whole."""
        properties: dict[str, Any] = {}
        if traffic is not None:
            properties["traffic"] = build_traffic(traffic)
        if mirror_traffic is not None:
            properties["mirrorTraffic"] = build_traffic(mirror_traffic)
        if description is not None:
            properties["description"] = description
        if public_network_access is not None:
            properties["publicNetworkAccess"] = pascal(public_network_access)
        body: dict[str, Any] = {"properties": properties} if properties else {}
        if tags is not None:
            body["tags"] = build_texts(tags)
        return self._begin("PATCH", name, body)

    def begin_change(
        self, before: OnlineEndpoint, after: OnlineEndpoint, *, also: Mapping[str, Any] | None = None
    ) -> LROPoller[OnlineEndpoint]:
        """Send the difference between two states of one endpoint, and the properties in `also` whatever they were."""
        location = before.location or self._workspaces.location()
        patch = build_patch(build_endpoint(before, location=location), build_endpoint(after, location=location))
        if also:
            patch["properties"] = {**patch.get("properties", {}), **also}
        return self._begin("PATCH", _name(before.name), patch, etag=before.etag)

    def preview(self, endpoint: OnlineEndpoint) -> OnlineEndpoint:
        """The endpoint as it would stand once asked for; nothing is sent."""
        location = endpoint.location or self._workspaces.location()
        return parse_endpoint({**build_endpoint(endpoint, location=location), "name": endpoint.name})

    def get(self, name: str, *, local: bool = False) -> OnlineEndpoint:
        """The endpoint; deployments without live or mirrored traffic stand in `traffic` with 0."""
        refuse_local(local)
        endpoint = self._get(name)
        for deployment in self._deployment_names(name):
            if deployment not in endpoint.traffic and deployment not in endpoint.mirror_traffic:
                endpoint.traffic[deployment] = 0
        return endpoint

    def list(self, *, local: bool = False) -> Iterator[OnlineEndpoint]:
        """All endpoints of the workspace."""
        refuse_local(local)
        return (parse_endpoint(each) for each in self._conversation.pages(self._root, "onlineEndpoints"))

    def begin_delete(self, name: str | None = None, *, local: bool = False) -> LROPoller[None]:
        """Delete it with its deployments."""
        refuse_local(local)
        answer = self._conversation.request("DELETE", below(self._root, _name(name)), "onlineEndpoints")
        return LROPoller(self._conversation, answer, lambda: None)

    def delete(self, name: str) -> LROPoller[None]:
        """The name older articles use for begin_delete (spec/azureml.md §0.5)."""
        return self.begin_delete(name)

    def get_keys(self, name: str) -> EndpointAuthKeys | EndpointAuthToken:
        """The keys of a `key` endpoint, a fresh token of an `aml_token` one, the caller's own of an `aad_token` one."""
        return self._credentials(name, self._get(name).auth_mode)

    def list_keys(self, name: str) -> EndpointAuthKeys | EndpointAuthToken:
        """The name older articles use for get_keys; `.access_token` is there in both modes (spec/azureml.md §0.4)."""
        return self.get_keys(name)

    def begin_regenerate_keys(self, name: str, *, key_type: str = "primary") -> LROPoller[None]:
        """Replace one key by a new one; holders of the other notice nothing."""
        kind = key_type.lower()
        if kind not in ("primary", "secondary"):
            raise ValidationError(f"key_type is 'primary' or 'secondary', not '{key_type}'.")
        body = {"keyType": kind.capitalize()}
        path = below(self._root, name, "regenerateKeys")
        answer = self._conversation.request("POST", path, "onlineEndpoints", json=body)
        return LROPoller(self._conversation, answer, lambda: None)

    def invoke(
        self,
        endpoint_name: str,
        *,
        request_file: str | os.PathLike[str] | None = None,
        deployment_name: str | None = None,
        input_data: Any = None,
        params_override: Any = None,
        local: bool = False,
    ) -> str:
        """Send a JSON file, or `input_data`, and return the answer's text; the primary key or a token lets it in."""
        refuse_local(local)
        if params_override:
            raise ValidationError("params_override is for batch endpoints; online endpoints take a request as it is.")
        content = _read_request(request_file, input_data)
        if deployment_name and deployment_name.lower() not in self._deployment_names(endpoint_name):
            raise ResourceNotFoundError(
                f"The endpoint '{endpoint_name}' has no deployment '{deployment_name}'.",
                status_code=404,
                code="ResourceNotFound",
                hint=f"`teal online-deployment list -e {endpoint_name}` shows what it has.",
            )
        endpoint = self._get(endpoint_name)
        if not endpoint.scoring_uri:
            raise ValidationError(
                f"The endpoint '{endpoint_name}' has no scoring address yet; it is {endpoint.provisioning_state}."
            )
        token = self._credentials(endpoint_name, endpoint.auth_mode).access_token
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        if deployment_name:
            headers["azureml-model-deployment"] = deployment_name.lower()
        response = self._conversation.send(
            "POST", endpoint.scoring_uri, content=content, headers=headers, timeout=INVOKE_TIMEOUT
        )
        if response.status_code >= 400:
            asked = response.headers.get("azureml-model-deployment")
            by_model = asked and "ms-azureml-model-error-statuscode" in response.headers
            hint = f"`teal online-deployment get-logs -e {endpoint_name} -n {asked}` shows what it wrote."
            raise build_http_error(response.status_code, _body(response), hint=hint if by_model else None)
        return response.text

    # --- private

    def _get(self, name: str) -> OnlineEndpoint:
        answer = self._conversation.request("GET", below(self._root, name), "onlineEndpoints")
        endpoint = parse_endpoint(answer.json())
        endpoint.etag = answer.headers.get("ETag")
        return endpoint

    def _begin(
        self, method: str, name: str, body: dict[str, Any], *, etag: str | None = None, only_new: bool = False
    ) -> LROPoller[OnlineEndpoint]:
        path, headers = below(self._root, name), build_conditions(etag, only_new=only_new)
        answer = self._conversation.request(method, path, "onlineEndpoints", json=body, headers=headers)
        return LROPoller(self._conversation, answer, lambda: self.get(name))

    def _deployment_names(self, name: str) -> tuple[str, ...]:
        path = below(self._root, name, "deployments")
        return tuple(str(each["name"]) for each in self._conversation.pages(path, "deployments"))

    def _credentials(self, name: str, auth_mode: str) -> EndpointAuthKeys | EndpointAuthToken:
        if auth_mode == "aad_token":
            # Nothing to ask for: such an endpoint takes the token that the control plane takes (spec/wire.md §3.6).
            return EndpointAuthToken(access_token=self._conversation.token(), token_type="Bearer")
        if auth_mode == "key":
            return parse_keys(self._conversation.post(below(self._root, name, "listKeys"), "onlineEndpoints"))
        return parse_token(self._conversation.post(below(self._root, name, "token"), "onlineEndpoints"))


def _name(name: str | None) -> str:
    if not name:
        raise ValidationError("The endpoint has no name.", hint="`name:` in its YAML file, or --name.")
    return name


def _read_request(request_file: str | os.PathLike[str] | None, input_data: Any) -> bytes:
    if request_file is None:
        if input_data is None:
            raise ValidationError("There is nothing to send.", hint="Give a request file (--request-file).")
        return input_data.encode() if isinstance(input_data, str) else json.dumps(input_data).encode()
    path = Path(request_file).expanduser()
    try:
        written = path.read_bytes()
        json.loads(written)
    except FileNotFoundError:
        raise ValidationError(f"No such request file: {path}") from None
    except OSError as error:
        raise ValidationError(f"The request file {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ValidationError(f"The request file {path} is not valid JSON: {error}") from error
    return written


def _body(response: httpx.Response) -> object:
    """The error in an endpoint's answer: a model may have written it in words of its own."""
    try:
        body: object = response.json()
    except ValueError:
        return response.text
    if isinstance(body, dict) and not isinstance(body.get("error"), dict):
        message = as_map(body).get("message")
        return {"error": {"message": str(message) if message else response.text}}
    return body
