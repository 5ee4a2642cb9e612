"""Deployments and what the loop knows of them. Called by control and reconcile."""

from sqlalchemy import bindparam, delete, select

from teal.domain.deployments import DeploymentStatus, OnlineDeployment
from teal.store.database import Transaction
from teal.store.rows import DEPLOYMENT_STATUSES, DEPLOYMENTS
from teal.store.tables import deployment_statuses, deployments
from teal.store.upserts import save_row


def load_deployment(tx: Transaction, endpoint: str, name: str) -> OnlineDeployment | None:
    query = select(deployments.c.body).where(deployments.c.endpoint == endpoint, deployments.c.name == name)
    body = tx.connection.execute(query).scalar()
    return None if body is None else DEPLOYMENTS.parse(body)


def list_deployments(tx: Transaction, endpoint: str) -> tuple[OnlineDeployment, ...]:
    """The deployments of an endpoint, by name."""
    found = tx.connection.execute(_DEPLOYMENTS, {"endpoint": endpoint})
    return tuple(DEPLOYMENTS.parse(body) for body in found.scalars())


def save_deployment(tx: Transaction, deployment: OnlineDeployment) -> None:
    save_row(
        tx,
        deployments,
        {"endpoint": deployment.endpoint, "name": deployment.name},
        {"body": DEPLOYMENTS.format(deployment)},
    )


def delete_deployment(tx: Transaction, endpoint: str, name: str) -> None:
    """The deployment with its status."""
    tx.connection.execute(delete(deployments).where(deployments.c.endpoint == endpoint, deployments.c.name == name))


def load_deployment_status(tx: Transaction, endpoint: str, name: str) -> DeploymentStatus | None:
    query = select(deployment_statuses.c.body).where(
        deployment_statuses.c.endpoint == endpoint, deployment_statuses.c.deployment == name
    )
    body = tx.connection.execute(query).scalar()
    return None if body is None else DEPLOYMENT_STATUSES.parse(body)


def list_deployment_statuses(tx: Transaction, endpoint: str) -> dict[str, DeploymentStatus]:
    """By deployment; one that the loop has not looked at yet is not in it."""
    found = tx.connection.execute(_STATUSES, {"endpoint": endpoint})
    return {name: DEPLOYMENT_STATUSES.parse(body) for name, body in found}


def save_deployment_status(tx: Transaction, endpoint: str, name: str, status: DeploymentStatus) -> None:
    save_row(
        tx,
        deployment_statuses,
        {"endpoint": endpoint, "deployment": name},
        {"body": DEPLOYMENT_STATUSES.format(status)},
    )


# --- private

# Built once: every pass of the loop asks these.
_DEPLOYMENTS = (
    select(deployments.c.body).where(deployments.c.endpoint == bindparam("endpoint")).order_by(deployments.c.name)
)
_STATUSES = select(deployment_statuses.c.deployment, deployment_statuses.c.body).where(
    deployment_statuses.c.endpoint == bindparam("endpoint")
)
