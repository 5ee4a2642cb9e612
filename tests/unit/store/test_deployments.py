"""Deployments and statuses."""

from dataclasses import replace

import pytest

from teal.domain.deployments import DeploymentStatus
from teal.store.database import Store, Transaction
from teal.store.deployments import (
    delete_deployment,
    list_deployment_statuses,
    list_deployments,
    load_deployment,
    load_deployment_status,
    save_deployment,
    save_deployment_status,
)
from teal.store.endpoints import save_endpoint
from tests.unit.store.entities import DEPLOYMENT, DEPLOYMENT_STATUS, named_endpoint


@pytest.fixture
async def filled(store: Store) -> Store:
    """Two endpoints with deployments of the same names."""

    def write(tx: Transaction) -> None:
        for endpoint in ("churn", "other"):
            save_endpoint(tx, named_endpoint(endpoint))
            for name in ("green", "blue"):
                save_deployment(tx, replace(DEPLOYMENT, endpoint=endpoint, name=name))
                save_deployment_status(tx, endpoint, name, DeploymentStatus(phase=f"{endpoint} {name}"))

    await store.write(write)
    return store


async def test_deployments_of_one_endpoint_are_listed_by_name(filled: Store) -> None:
    found = await filled.read(lambda tx: list_deployments(tx, "churn"))
    assert found == (DEPLOYMENT, replace(DEPLOYMENT, name="green"))


async def test_a_status_belongs_to_its_deployment(filled: Store) -> None:
    await filled.write(lambda tx: save_deployment_status(tx, "churn", "blue", DEPLOYMENT_STATUS))
    assert await filled.read(lambda tx: load_deployment_status(tx, "churn", "blue")) == DEPLOYMENT_STATUS
    statuses = await filled.read(lambda tx: list_deployment_statuses(tx, "churn"))
    assert statuses == {"blue": DEPLOYMENT_STATUS, "green": DeploymentStatus(phase="churn green")}


async def test_a_deleted_deployment_leaves_no_status_for_its_successor(filled: Store) -> None:
    await filled.write(lambda tx: delete_deployment(tx, "churn", "blue"))
    assert await filled.read(lambda tx: load_deployment(tx, "churn", "blue")) is None
    await filled.write(lambda tx: save_deployment(tx, DEPLOYMENT))
    assert await filled.read(lambda tx: load_deployment_status(tx, "churn", "blue")) is None
    assert await filled.read(lambda tx: load_deployment_status(tx, "other", "blue")) is not None
