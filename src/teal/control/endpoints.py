"""Verbs on online endpoints: the rules are checked here, in the transaction that writes. Called by api and rollout."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from teal.control.operations import cancel_unfinished, queue_operation
from teal.control.quotas import check_new_endpoint
from teal.control.requests import Accepted, Moment
from teal.domain.endpoint_settings import parse_endpoint_settings
from teal.domain.endpoints import AuthMode, EndpointKeys, EndpointSpec, EndpointStatus, OnlineEndpoint, check_endpoint
from teal.domain.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from teal.domain.names import parse_name
from teal.domain.operations import Operation, OperationKind, state_while
from teal.domain.quotas import NO_QUOTA, Quota
from teal.domain.resource_ids import WorkspaceId
from teal.domain.states import ProvisioningState
from teal.domain.tokens import TokenClaims, build_claims
from teal.domain.traffic import check_traffic, normalize_traffic
from teal.store import deployments as stored_deployments
from teal.store import endpoints as stored
from teal.store import operations as stored_operations
from teal.store.database import Transaction


class KeyType(StrEnum):
    PRIMARY = "Primary"
    SECONDARY = "Secondary"


@dataclass(frozen=True, slots=True)
class EndpointView:
    """An endpoint as people see it: what is wanted, what the loop says of it, and the state that follows from both."""

    endpoint: OnlineEndpoint
    status: EndpointStatus | None
    state: ProvisioningState


def get_endpoint(tx: Transaction, workspace: WorkspaceId, name: str) -> EndpointView:
    return _view(tx, _load(tx, workspace, name))


def list_endpoints(tx: Transaction, workspace: WorkspaceId) -> Sequence[EndpointView]:
    """By name; with three questions to the store, however many there are."""
    statuses = stored.list_endpoint_statuses(tx, workspace)
    unfinished = stored_operations.list_all_unfinished(tx)
    return [
        _build_view(endpoint, statuses.get(endpoint.name), unfinished.get(endpoint.name, ()))
        for endpoint in stored.list_endpoints(tx, workspace)
    ]


def put_endpoint(
    tx: Transaction,
    workspace: WorkspaceId,
    name: str,
    build: Callable[[OnlineEndpoint | None], EndpointSpec],
    moment: Moment,
    *,
    must_exist: bool = False,
    quota: Quota = NO_QUOTA,
) -> Accepted[EndpointView]:
    """Create an endpoint or replace its spec. `build` is given the stored endpoint (None: new) and returns the
    wanted spec. `quota`: what the server allows.

    Keys and addresses survive a replacement (`spec/wire.md` §3.6). Refused input changes nothing.
    """
    name = parse_name("endpoint", name)
    current = _find(tx, name)
    if current and current.workspace.key != workspace.key:
        raise AlreadyExists(
            f"An endpoint named '{name}' exists in the workspace '{current.workspace.name}'; "
            "endpoint names are unique on a server.",
            target=name,
            hint="Choose another name.",
        )
    if current is None and must_exist:
        raise _no_endpoint(workspace, name)
    if current and _is_leaving(tx, name):
        raise Conflict(f"The endpoint '{name}' is being deleted.", target=name, hint="Try again when it is gone.")
    if current is None:
        check_new_endpoint(tx, workspace, quota)
    spec = build(current)
    spec = replace(spec, traffic=normalize_traffic(spec.traffic), mirror_traffic=normalize_traffic(spec.mirror_traffic))
    check_endpoint(spec)
    if current and current.spec.auth_mode is not spec.auth_mode:
        raise InvalidInput("The auth_mode of an endpoint cannot be changed.", target="auth_mode")
    _check_shares(tx, name, spec)
    status = stored.load_endpoint_status(tx, name)
    if current and current.spec == spec and status and status.outcome is not ProvisioningState.FAILED:
        return Accepted(_view(tx, current), created=False, operation=None)
    endpoint = OnlineEndpoint(
        workspace=workspace,
        name=name,
        spec=spec,
        generation=current.generation + 1 if current else 1,
        created_at=current.created_at if current else moment.now,
        modified_at=moment.now,
    )
    stored.save_endpoint(tx, endpoint)
    if current is None:
        stored.save_keys(tx, name, EndpointKeys(new_key(), new_key()))
    kind = OperationKind.UPDATE_ENDPOINT if current else OperationKind.CREATE_ENDPOINT
    operation = queue_operation(tx, workspace, kind, moment, endpoint=name, wanted=spec)
    return Accepted(_view(tx, endpoint), created=current is None, operation=operation)


def delete_endpoint(tx: Transaction, workspace: WorkspaceId, name: str, moment: Moment) -> Operation | None:
    """Delete an endpoint with its deployments; supersedes whatever still waits below it. None: there is no such
    endpoint."""
    endpoint = stored.load_endpoint(tx, name.lower())
    if endpoint is None or endpoint.workspace.key != workspace.key:
        return None
    for operation in stored_operations.list_unfinished(tx, endpoint.name):
        if operation.kind is OperationKind.DELETE_ENDPOINT:
            return operation
    cancel_unfinished(
        tx, moment, endpoint=endpoint.name, deployment=None, reason=f"The endpoint '{endpoint.name}' is being deleted."
    )
    return queue_operation(tx, workspace, OperationKind.DELETE_ENDPOINT, moment, endpoint=endpoint.name)


def list_keys(tx: Transaction, workspace: WorkspaceId, name: str) -> EndpointKeys:
    endpoint = _load(tx, workspace, name)
    if endpoint.spec.auth_mode is not AuthMode.KEY:
        raise InvalidInput(
            f"The endpoint '{name}' takes tokens, not keys: its auth_mode is {endpoint.spec.auth_mode}.",
            target=name,
            hint=f"Get one with: teal online-endpoint get-credentials --name {name}.",
        )
    keys = stored.load_keys(tx, endpoint.name)
    if keys is None:
        raise NotFound(f"The endpoint '{name}' has no keys.", target=name)
    return keys


def regenerate_key(
    tx: Transaction, workspace: WorkspaceId, name: str, key_type: KeyType, key_value: str | None, moment: Moment
) -> Operation:
    """Replace one key; holders of the other are not affected.

    Clients send the current key as `key_value` (`spec/wire.md` §3.6 (27)): then, and without a value, a new one is
    made.
    """
    endpoint = _load(tx, workspace, name)
    keys = list_keys(tx, workspace, name)
    value = new_key() if not key_value or key_value in (keys.primary, keys.secondary) else key_value
    if not _is_key(value):
        raise InvalidInput("A key must have 16 to 128 letters, digits, '-' or '_'.", target="keyValue")
    changed = replace(keys, primary=value) if key_type is KeyType.PRIMARY else replace(keys, secondary=value)
    stored.save_keys(tx, endpoint.name, changed)
    return queue_operation(tx, workspace, OperationKind.REGENERATE_KEYS, moment, endpoint=endpoint.name)


def make_token(tx: Transaction, workspace: WorkspaceId, name: str, moment: Moment) -> TokenClaims:
    """What the token for an endpoint says; the caller signs it. MLflow's client also asks for one where the endpoint
    takes the token that its callers have already (`spec/mlflow.md` §5.6)."""
    endpoint = _load(tx, workspace, name)
    if endpoint.spec.auth_mode is AuthMode.KEY:
        raise InvalidInput(
            f"The endpoint '{name}' takes keys, not tokens.",
            target=name,
            hint=f"Read its keys with: teal online-endpoint get-credentials --name {name}.",
        )
    return build_claims(endpoint, moment.now)


def new_key() -> str:
    return secrets.token_urlsafe(32)


def require_endpoint(tx: Transaction, workspace: WorkspaceId, name: str) -> OnlineEndpoint:
    """The endpoint that a deployment belongs to; one that is being deleted takes no more changes."""
    endpoint = _load(tx, workspace, name)
    if _is_leaving(tx, endpoint.name):
        raise _no_endpoint(workspace, endpoint.name, " any more: it is being deleted")
    return endpoint


# --- private


def _find(tx: Transaction, name: str) -> OnlineEndpoint | None:
    endpoint = stored.load_endpoint(tx, name)
    return endpoint and _as_in_force(tx, endpoint)


def _as_in_force(tx: Transaction, endpoint: OnlineEndpoint) -> OnlineEndpoint:
    """The endpoint without a change of traffic that could not be made: that is not left standing as if it were
    wanted."""
    return _build_in_force(
        endpoint,
        stored.load_endpoint_status(tx, endpoint.name),
        stored_operations.list_unfinished(tx, endpoint.name),
    )


def _build_in_force(
    endpoint: OnlineEndpoint, status: EndpointStatus | None, unfinished: Sequence[Operation]
) -> OnlineEndpoint:
    pending = any(o.deployment is None for o in unfinished)
    if status is None or status.outcome is not ProvisioningState.FAILED or pending:
        return endpoint
    shares = status.in_force
    return replace(endpoint, spec=replace(endpoint.spec, traffic=shares.traffic, mirror_traffic=shares.mirror_traffic))


def _load(tx: Transaction, workspace: WorkspaceId, name: str) -> OnlineEndpoint:
    endpoint = _find(tx, name.lower())
    if endpoint is None or endpoint.workspace.key != workspace.key:
        raise _no_endpoint(workspace, name)
    return endpoint


def _is_leaving(tx: Transaction, name: str) -> bool:
    return any(o.kind is OperationKind.DELETE_ENDPOINT for o in stored_operations.list_unfinished(tx, name))


def _no_endpoint(workspace: WorkspaceId, name: str, more: str = "") -> NotFound:
    return NotFound(
        f"The online endpoint '{name}' does not exist in the workspace '{workspace.name}'{more}.",
        target=name,
        hint="List those that exist with: teal online-endpoint list.",
    )


def _view(tx: Transaction, endpoint: OnlineEndpoint) -> EndpointView:
    status = stored.load_endpoint_status(tx, endpoint.name)
    return _build_view(endpoint, status, stored_operations.list_unfinished(tx, endpoint.name))


def _build_view(
    endpoint: OnlineEndpoint, status: EndpointStatus | None, unfinished: Sequence[Operation]
) -> EndpointView:
    state = status.outcome if status else ProvisioningState.CREATING
    for operation in unfinished:
        if operation.deployment is None:
            state = state_while(operation.kind)
    return EndpointView(_build_in_force(endpoint, status, unfinished), status, state)


def _check_shares(tx: Transaction, name: str, spec: EndpointSpec) -> None:
    statuses = stored_deployments.list_deployment_statuses(tx, name)
    pending = {o.deployment: o.kind for o in stored_operations.list_unfinished(tx, name) if o.deployment}
    leaving = {d for d, kind in pending.items() if kind is OperationKind.DELETE_DEPLOYMENT}
    deployments = {d.name for d in stored_deployments.list_deployments(tx, name)} - leaving
    failed = {
        d
        for d, status in statuses.items()
        if status.outcome is ProvisioningState.FAILED and status.serving is None and d not in pending
    }
    settings = parse_endpoint_settings(spec.properties)
    check_traffic(spec.traffic, spec.mirror_traffic, deployments=deployments, failed=failed, settings=settings)


def _is_key(text: str) -> bool:
    return 16 <= len(text) <= 128 and text.isascii() and text.replace("-", "").replace("_", "").isalnum()
