"""Verbs on online deployments: the rules are checked here, in the transaction that writes. Called by api and
rollout."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from teal.control import registered_models
from teal.control.endpoints import require_endpoint
from teal.control.operations import cancel_unfinished, queue_operation
from teal.control.quotas import check_instances, check_new_deployment
from teal.control.requests import Accepted, Moment
from teal.domain.curated import BUILT_IN, Catalogue
from teal.domain.deployments import (
    DeploymentSpec,
    DeploymentStatus,
    OnlineDeployment,
    check_deployment,
)
from teal.domain.errors import Conflict, InvalidInput, NotFound, Unsupported
from teal.domain.instance_records import InstanceRecord
from teal.domain.mlflow_models import is_mlflow_model
from teal.domain.names import parse_name
from teal.domain.operations import Operation, OperationKind, state_while
from teal.domain.quotas import NO_QUOTA, Quota
from teal.domain.resource_ids import AssetKind, AssetRef, WorkspaceId, is_curated, parse_asset_ref
from teal.domain.states import ProvisioningState
from teal.store import assets as stored_assets
from teal.store import deployments as stored
from teal.store import instances as stored_instances
from teal.store import operations as stored_operations
from teal.store.database import Transaction


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """A deployment as people see it: what is wanted, what the loop says of it, its instances, and the state that
    follows."""

    deployment: OnlineDeployment
    status: DeploymentStatus
    state: ProvisioningState
    instances: tuple[InstanceRecord, ...]


def get_deployment(tx: Transaction, workspace: WorkspaceId, endpoint: str, name: str) -> DeploymentView:
    owner = require_endpoint(tx, workspace, endpoint)
    deployment = stored.load_deployment(tx, owner.name, name.lower())
    if deployment is None:
        raise _no_deployment(owner.name, name)
    return _view(tx, deployment)


def list_deployments(tx: Transaction, workspace: WorkspaceId, endpoint: str) -> Sequence[DeploymentView]:
    owner = require_endpoint(tx, workspace, endpoint)
    return [_view(tx, deployment) for deployment in stored.list_deployments(tx, owner.name)]


def put_deployment(
    tx: Transaction,
    workspace: WorkspaceId,
    endpoint: str,
    name: str,
    build: Callable[[OnlineDeployment | None], DeploymentSpec],
    moment: Moment,
    *,
    must_exist: bool = False,
    curated: Catalogue = BUILT_IN,
    quota: Quota = NO_QUOTA,
) -> Accepted[DeploymentView]:
    """Create a deployment or replace its spec. `build` is given the stored deployment (None: new) and returns the
    wanted spec. `curated`: the environments that need not be registered; `quota`: what the server allows.

    A deployment whose last update failed is tried again by the same spec. Refused input changes nothing.
    """
    owner = require_endpoint(tx, workspace, endpoint)
    name = parse_name("deployment", name)
    current = stored.load_deployment(tx, owner.name, name)
    if current and _is_leaving(tx, current):
        raise Conflict(f"The deployment '{name}' is being deleted.", target=name, hint="Try again when it is gone.")
    if current is None and must_exist:
        raise _no_deployment(owner.name, name)
    if current is None:
        check_new_deployment(tx, owner, quota)
    spec = resolve_deployment(tx, workspace, build(current), curated)
    check_instances(tx, owner, name, quota, spec.instance_count, before=current.spec.instance_count if current else 0)
    if current and current.spec == spec and _is_settled_well(tx, current):
        return Accepted(_view(tx, current), created=False, operation=None)
    deployment = OnlineDeployment(
        endpoint=owner.name,
        name=name,
        spec=spec,
        generation=current.generation + 1 if current else 1,
        created_at=current.created_at if current else moment.now,
        modified_at=moment.now,
    )
    stored.save_deployment(tx, deployment)
    operation = queue_operation(
        tx, workspace, _kind_of_change(current, spec), moment, endpoint=owner.name, deployment=name, wanted=spec
    )
    return Accepted(_view(tx, deployment), created=current is None, operation=operation)


def resolve_deployment(
    tx: Transaction, workspace: WorkspaceId, spec: DeploymentSpec, curated: Catalogue = BUILT_IN
) -> DeploymentSpec:
    """The spec with every label turned into a version, or a refusal: what it names must exist, and be allowed."""
    spec = _resolve_references(tx, workspace, spec, curated)
    check_deployment(spec, is_mlflow=_has_mlflow_model(tx, workspace, spec))
    return spec


def delete_deployment(
    tx: Transaction, workspace: WorkspaceId, endpoint: str, name: str, moment: Moment
) -> Operation | None:
    """Delete a deployment that has no live or mirrored traffic. None: there is no such deployment."""
    owner = require_endpoint(tx, workspace, endpoint)
    name = name.lower()
    deployment = stored.load_deployment(tx, owner.name, name)
    if deployment is None:
        return None
    for label, shares in (("live", owner.spec.traffic), ("mirrored", owner.spec.mirror_traffic)):
        if percent := shares.get(name):
            raise InvalidInput(
                f"The deployment '{name}' has {percent} percent of the {label} traffic of '{owner.name}' "
                "and cannot be deleted.",
                target=name,
                hint="Give its share to another deployment first, for example: "
                f"teal online-endpoint update --name {owner.name} "
                + (f'--traffic "{name}=0 <other>=100".' if label == "live" else f'--mirror-traffic "{name}=0".'),
            )
    for operation in stored_operations.list_unfinished(tx, owner.name):
        if operation.kind is OperationKind.DELETE_DEPLOYMENT and operation.deployment == name:
            return operation
    cancel_unfinished(
        tx, moment, endpoint=owner.name, deployment=name, reason=f"The deployment '{name}' is being deleted."
    )
    return queue_operation(tx, workspace, OperationKind.DELETE_DEPLOYMENT, moment, endpoint=owner.name, deployment=name)


# --- private


def _no_deployment(endpoint: str, name: str) -> NotFound:
    return NotFound(
        f"The deployment '{name}' does not exist in the endpoint '{endpoint}'.",
        target=name,
        hint=f"List those that exist with: teal online-deployment list --endpoint-name {endpoint}.",
    )


def _view(tx: Transaction, deployment: OnlineDeployment) -> DeploymentView:
    status = stored.load_deployment_status(tx, deployment.endpoint, deployment.name) or DeploymentStatus()
    state = status.outcome
    for operation in stored_operations.list_unfinished(tx, deployment.endpoint):
        if operation.deployment == deployment.name:
            state = state_while(operation.kind)
    instances = tuple(
        i for i in stored_instances.list_instances(tx, deployment.endpoint) if i.deployment == deployment.name
    )
    return DeploymentView(deployment, status, state, instances)


def _kind_of_change(current: OnlineDeployment | None, spec: DeploymentSpec) -> OperationKind:
    if current is None:
        return OperationKind.CREATE_DEPLOYMENT
    if replace(current.spec, instance_count=spec.instance_count, sku=spec.sku) == spec != current.spec:
        return OperationKind.SCALE_DEPLOYMENT
    return OperationKind.UPDATE_DEPLOYMENT


def _is_leaving(tx: Transaction, deployment: OnlineDeployment) -> bool:
    return any(
        o.kind is OperationKind.DELETE_DEPLOYMENT and o.deployment == deployment.name
        for o in stored_operations.list_unfinished(tx, deployment.endpoint)
    )


def _is_settled_well(tx: Transaction, deployment: OnlineDeployment) -> bool:
    status = stored.load_deployment_status(tx, deployment.endpoint, deployment.name)
    return status is not None and status.outcome is not ProvisioningState.FAILED


def _resolve_references(
    tx: Transaction, workspace: WorkspaceId, spec: DeploymentSpec, curated: Catalogue
) -> DeploymentSpec:
    """The spec with every label turned into the version it means now, so that a revision never changes under its
    name."""
    return replace(
        spec,
        model=_resolve(tx, workspace, AssetKind.MODEL, spec.model, curated),
        code_id=_resolve(tx, workspace, AssetKind.CODE, spec.code_id, curated),
        environment=_resolve(tx, workspace, AssetKind.ENVIRONMENT, spec.environment, curated),
    )


def _has_mlflow_model(tx: Transaction, workspace: WorkspaceId, spec: DeploymentSpec) -> bool:
    if spec.model is None:
        return False
    ref = parse_asset_ref(AssetKind.MODEL, spec.model)
    asset = stored_assets.load_version(tx, workspace, AssetKind.MODEL, ref.name, ref.version)
    return asset is not None and is_mlflow_model(asset.body)


def _resolve(
    tx: Transaction, workspace: WorkspaceId, kind: AssetKind, text: str | None, curated: Catalogue
) -> str | None:
    if text is None:
        return None
    ref = parse_asset_ref(kind, text)
    if ref.registry and kind is not AssetKind.ENVIRONMENT:
        raise Unsupported(
            f"'{text}' is in a registry, and this server has none.",
            target=kind.removesuffix("s"),
            hint="Register it in the workspace.",
        )
    if is_curated(ref) and not stored_assets.load_version(tx, workspace, kind, ref.name, ref.version):
        _check_curated(ref, curated)
        return text
    if kind is AssetKind.MODEL:
        resolved = registered_models.resolve_model(tx, workspace, ref)
        return text if resolved == ref else resolved.arm(workspace)
    if ref.version.startswith("@"):
        newest = stored_assets.list_versions(tx, workspace, kind, ref.name, archived=False)
        if newest and ref.version == "@latest":
            return newest[0].ref.arm(workspace)
    elif stored_assets.load_version(tx, workspace, kind, ref.name, ref.version):
        return text
    single = kind.removesuffix("s")
    separator = "" if ref.version.startswith("@") else ":"
    raise InvalidInput(
        f"The {single} '{ref.name}{separator}{ref.version}' does not exist in the workspace '{workspace.name}'.",
        target=single,
        hint=f"List those that exist with: teal {single} list.",
    )


def _check_curated(ref: AssetRef, curated: Catalogue) -> None:
    if curated.find_conda_file(ref.name) is None:
        raise InvalidInput(
            f"The environment '{ref.name}' is not one of the curated ones that this server knows: "
            f"{', '.join(curated.names)} (* is a version, such as 1.5).",
            target="environment",
            hint="Use one of them, register an environment of your own, or add this one to environments.yml in the "
            "server's data directory.",
        )
