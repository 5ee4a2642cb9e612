"""Whether there is room for one more: counted in the transaction that writes. Called by the verbs on endpoints and
deployments."""

from teal.domain.endpoint_settings import Limits, parse_endpoint_settings
from teal.domain.endpoints import OnlineEndpoint
from teal.domain.quotas import NO_QUOTA, Quota, Use, check_quota, parse_workspace_quota
from teal.domain.resource_ids import WorkspaceId
from teal.store import deployments as stored_deployments
from teal.store import endpoints as stored
from teal.store import workspaces as stored_workspaces
from teal.store.database import Transaction


def check_new_endpoint(tx: Transaction, workspace: WorkspaceId, server: Quota) -> None:
    own = _read_quota(tx, workspace, NO_QUOTA)
    if server.endpoints is not None:
        used = stored.count_endpoints(tx, workspace.subscription)
        check_quota(Use("endpoints", _subscription(workspace), used, "TEAL_MAX_ENDPOINTS"), server.endpoints)
    if own.endpoints is not None:
        used = len(stored.list_endpoints(tx, workspace))
        check_quota(Use("endpoints", _workspace(workspace), used, "its tag teal.max_endpoints"), own.endpoints)


def check_new_deployment(tx: Transaction, endpoint: OnlineEndpoint, server: Quota) -> None:
    workspace = endpoint.workspace
    own = _read_quota(tx, workspace, NO_QUOTA)
    if server.deployments is not None:
        used = stored.count_deployments(tx, subscription=workspace.subscription)
        check_quota(Use("deployments", _subscription(workspace), used, "TEAL_MAX_DEPLOYMENTS"), server.deployments)
    if own.deployments is not None:
        used = stored.count_deployments(tx, workspace=workspace)
        check_quota(Use("deployments", _workspace(workspace), used, "its tag teal.max_deployments"), own.deployments)
    used = len(stored_deployments.list_deployments(tx, endpoint.name))
    raised_by = "the endpoint's property teal.max_deployments_per_endpoint"
    limit = read_limits(tx, endpoint, server).deployments
    check_quota(Use("deployments", f"the endpoint '{endpoint.name}'", used, raised_by), limit)


def check_instances(
    tx: Transaction, endpoint: OnlineEndpoint, deployment: str, server: Quota, wanted: int, *, before: int
) -> None:
    """Fewer than there were are never refused: a quota may have been lowered meanwhile."""
    if wanted > before:
        raised_by = "the endpoint's property teal.max_instances_per_deployment"
        use = Use("instances", f"the deployment '{deployment}'", before, raised_by)
        check_quota(use, read_limits(tx, endpoint, server).instances, wanted - before)


def read_limits(tx: Transaction, endpoint: OnlineEndpoint, server: Quota) -> Limits:
    """What holds for one endpoint: its own word, else its workspace's, else the server's."""
    return parse_endpoint_settings(endpoint.spec.properties, _read_quota(tx, endpoint.workspace, server).limits).limits


# --- private


def _read_quota(tx: Transaction, workspace: WorkspaceId, server: Quota) -> Quota:
    stored_workspace = stored_workspaces.load_workspace(tx, workspace)
    return parse_workspace_quota(stored_workspace.tags if stored_workspace else {}, server)


def _subscription(workspace: WorkspaceId) -> str:
    return f"the subscription '{workspace.subscription}'"


def _workspace(workspace: WorkspaceId) -> str:
    return f"the workspace '{workspace.name}'"
