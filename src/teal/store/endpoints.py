"""Endpoints, their keys (encrypted at rest) and what the loop knows of them. Called by control and reconcile."""

from sqlalchemy import ColumnElement, bindparam, delete, func, select, union

from teal.domain.endpoints import EndpointKeys, EndpointStatus, OnlineEndpoint
from teal.domain.resource_ids import WorkspaceId
from teal.store.database import Transaction
from teal.store.rows import ENDPOINT_KEYS, ENDPOINT_STATUSES, ENDPOINTS
from teal.store.tables import deployments, endpoint_keys, endpoint_statuses, endpoints, instances, operations
from teal.store.upserts import save_row


def load_endpoint(tx: Transaction, name: str) -> OnlineEndpoint | None:
    body = tx.connection.execute(_ENDPOINT, {"name": name}).scalar()
    return None if body is None else ENDPOINTS.parse(body)


def list_endpoints(tx: Transaction, workspace: WorkspaceId | None = None) -> tuple[OnlineEndpoint, ...]:
    """The endpoints of one workspace, or of all (None), by name."""
    query = select(endpoints.c.body).order_by(endpoints.c.name)
    if workspace is not None:
        query = query.where(endpoints.c.workspace == workspace.key)
    return tuple(ENDPOINTS.parse(body) for body in tx.connection.execute(query).scalars())


def list_endpoint_names(tx: Transaction) -> tuple[str, ...]:
    """Every name that the loop must look at: endpoints, and names that only instances or unfinished operations still
    mention."""
    query = union(
        select(endpoints.c.name),
        select(instances.c.endpoint),
        select(operations.c.endpoint).where(operations.c.is_final.is_(False)),
    )
    return tuple(sorted(tx.connection.execute(query).scalars()))


def count_endpoints(tx: Transaction, subscription: str) -> int:
    return tx.connection.execute(select(func.count()).where(_is_below(subscription))).scalar_one()


def count_deployments(tx: Transaction, subscription: str | None = None, workspace: WorkspaceId | None = None) -> int:
    """Of the endpoints of one subscription, or of one workspace."""
    here = endpoints.c.workspace == workspace.key if workspace else _is_below(subscription or "")
    query = select(func.count()).select_from(deployments.join(endpoints, endpoints.c.name == deployments.c.endpoint))
    return tx.connection.execute(query.where(here)).scalar_one()


def save_endpoint(tx: Transaction, endpoint: OnlineEndpoint) -> None:
    save_row(
        tx,
        endpoints,
        {"name": endpoint.name},
        {"workspace": endpoint.workspace.key, "body": ENDPOINTS.format(endpoint)},
    )


def delete_endpoint(tx: Transaction, name: str) -> None:
    """The endpoint with its keys and status. Its deployments must be gone by the end of the transaction."""
    tx.connection.execute(delete(endpoints).where(endpoints.c.name == name))


def load_keys(tx: Transaction, name: str) -> EndpointKeys | None:
    sealed = tx.connection.execute(_KEYS, {"name": name}).scalar()
    return None if sealed is None else ENDPOINT_KEYS.parse(tx.secrets.open(sealed))


def save_keys(tx: Transaction, name: str, keys: EndpointKeys) -> None:
    save_row(tx, endpoint_keys, {"endpoint": name}, {"sealed": tx.secrets.seal(ENDPOINT_KEYS.format(keys))})


def load_endpoint_status(tx: Transaction, name: str) -> EndpointStatus | None:
    body = tx.connection.execute(_STATUS, {"name": name}).scalar()
    return None if body is None else ENDPOINT_STATUSES.parse(body)


def list_endpoint_statuses(tx: Transaction, workspace: WorkspaceId) -> dict[str, EndpointStatus]:
    """By endpoint; one that the loop has not looked at yet is not in it."""
    query = (
        select(endpoint_statuses.c.endpoint, endpoint_statuses.c.body)
        .join(endpoints, endpoints.c.name == endpoint_statuses.c.endpoint)
        .where(endpoints.c.workspace == workspace.key)
    )
    return {name: ENDPOINT_STATUSES.parse(body) for name, body in tx.connection.execute(query)}


def save_endpoint_status(tx: Transaction, name: str, status: EndpointStatus) -> None:
    save_row(tx, endpoint_statuses, {"endpoint": name}, {"body": ENDPOINT_STATUSES.format(status)})


# --- private


def _is_below(subscription: str) -> ColumnElement[bool]:
    return endpoints.c.workspace.startswith(f"{subscription.lower()}/", autoescape=True)


# Built once: every pass of the loop asks these, and building a statement takes longer than running it.
_ENDPOINT = select(endpoints.c.body).where(endpoints.c.name == bindparam("name"))
_KEYS = select(endpoint_keys.c.sealed).where(endpoint_keys.c.endpoint == bindparam("name"))
_STATUS = select(endpoint_statuses.c.body).where(endpoint_statuses.c.endpoint == bindparam("name"))
