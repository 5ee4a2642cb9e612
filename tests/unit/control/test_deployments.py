"""Verbs on deployments: what is accepted, what is refused, and that a refusal changes nothing."""

from typing import Any

import pytest

from teal.control import assets, deployments, operations
from teal.domain.deployments import DeploymentSpec
from teal.domain.errors import Conflict, InvalidInput, NotFound, Unsupported
from teal.domain.operations import OperationKind, OperationStatus
from teal.domain.resource_ids import AssetKind
from teal.domain.states import ProvisioningState
from tests.harness.passes import WORKSPACE
from tests.unit.control.conftest import Verbs


async def test_a_new_deployment_is_creating_with_one_operation(with_assets: Verbs) -> None:
    accepted = await with_assets.put_deployment("Blue")
    assert accepted.created
    assert accepted.value.deployment.name == "blue"
    assert accepted.value.state is ProvisioningState.CREATING
    assert await with_assets.unfinished() == [("CreateDeployment", "blue")]


@pytest.mark.parametrize(
    ("changes", "kind", "state"),
    [
        ({"instance_count": 2}, OperationKind.SCALE_DEPLOYMENT, ProvisioningState.SCALING),
        ({"model": "azureml:m:2"}, OperationKind.UPDATE_DEPLOYMENT, ProvisioningState.UPDATING),
    ],
)
async def test_a_change_is_named_by_what_it_changes(
    with_assets: Verbs, changes: dict[str, Any], kind: OperationKind, state: ProvisioningState
) -> None:
    await with_assets.finish((await with_assets.put_deployment()).operation)
    accepted = await with_assets.put_deployment(**changes)
    assert accepted.operation is not None
    assert accepted.operation.kind is kind
    assert accepted.value.state is state
    assert accepted.value.deployment.generation == 2


async def test_the_same_again_starts_no_operation_unless_it_had_failed(with_assets: Verbs) -> None:
    await with_assets.finish((await with_assets.put_deployment()).operation)
    assert (await with_assets.put_deployment()).operation is None
    await with_assets.finish((await with_assets.put_deployment(model="azureml:m:2")).operation, failed=True)
    assert (await with_assets.put_deployment()).operation is not None


async def test_a_label_becomes_the_version_it_means_now(with_assets: Verbs) -> None:
    accepted = await with_assets.put_deployment(model="azureml:m@latest")
    assert accepted.value.deployment.spec.model == f"{WORKSPACE.arm}/models/m/versions/2"


async def test_a_curated_environment_needs_no_registration(with_assets: Verbs) -> None:
    spec = (await with_assets.put_deployment(environment="azureml:AzureML-sklearn-1.5:1")).value.deployment.spec
    assert spec.environment == "azureml:AzureML-sklearn-1.5:1"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "azureml:m:9"}, "model 'm:9' does not exist"),
        ({"model": "azureml:x@latest"}, "model 'x@latest' does not exist"),
        ({"environment": "azureml:nope:1"}, "environment 'nope:1' does not exist"),
        ({"instance_count": 2000}, "from 1 to 1000"),
    ],
)
async def test_what_refers_to_nothing_is_refused_and_changes_nothing(
    with_assets: Verbs, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        await with_assets.put_deployment(**changes)
    assert await with_assets.call(deployments.list_deployments, "ep1") == []
    assert await with_assets.unfinished() == []


@pytest.mark.parametrize(
    ("shares", "words"),
    [({"traffic": {"blue": 100}}, "live traffic"), ({"mirror_traffic": {"blue": 10}}, "mirrored traffic")],
)
async def test_a_deployment_with_traffic_is_not_deleted(with_assets: Verbs, shares: dict[str, Any], words: str) -> None:
    await with_assets.finish((await with_assets.put_deployment()).operation)
    await with_assets.finish((await with_assets.put_endpoint(**shares)).operation)
    with pytest.raises(InvalidInput, match=words):
        await with_assets.call(deployments.delete_deployment, "ep1", "blue", with_assets.moment())
    assert await with_assets.unfinished() == []


async def test_deleting_cancels_what_waits_for_the_same_deployment_only(with_assets: Verbs) -> None:
    create = (await with_assets.put_deployment("blue")).operation
    await with_assets.put_deployment("green")
    delete = await with_assets.call(deployments.delete_deployment, "ep1", "Blue", with_assets.moment())
    assert await with_assets.unfinished() == [("CreateDeployment", "green"), ("DeleteDeployment", "blue")]
    assert create is not None
    canceled = await with_assets.store.read(lambda tx: operations.get_operation(tx, create.id))
    assert canceled.status is OperationStatus.CANCELED
    assert await with_assets.call(deployments.delete_deployment, "ep1", "blue", with_assets.moment()) == delete


async def test_a_deployment_that_is_being_deleted_takes_no_changes(with_assets: Verbs) -> None:
    await with_assets.put_deployment("blue")
    await with_assets.call(deployments.delete_deployment, "ep1", "blue", with_assets.moment())
    with pytest.raises(Conflict, match="is being deleted"):
        await with_assets.put_deployment("blue")
    assert (await with_assets.call(deployments.get_deployment, "ep1", "blue")).state is ProvisioningState.DELETING


async def test_deleting_what_is_not_there_is_no_error(with_assets: Verbs) -> None:
    assert await with_assets.call(deployments.delete_deployment, "ep1", "blue", with_assets.moment()) is None


async def test_reading_or_changing_what_is_not_there_says_so(with_assets: Verbs) -> None:
    with pytest.raises(NotFound, match="teal online-deployment list"):
        await with_assets.call(deployments.get_deployment, "ep1", "blue")
    with pytest.raises(NotFound, match="'blue' does not exist"):
        await with_assets.call(
            deployments.put_deployment,
            "ep1",
            "blue",
            lambda c: DeploymentSpec(),
            with_assets.moment(),
            must_exist=True,
        )
    with pytest.raises(NotFound, match="no operation"):
        await with_assets.store.read(lambda tx: operations.get_operation(tx, "none"))


async def test_only_an_mlflow_model_is_deployed_without_code(with_assets: Verbs) -> None:
    bare = {"code_id": None, "scoring_script": None, "environment": None}
    with pytest.raises(Unsupported, match="without a scoring script"):
        await with_assets.put_deployment("bare", **bare)
    body = {"modelUri": "u", "modelType": "mlflow_model"}
    await with_assets.call(assets.put_version, AssetKind.MODEL, "flow", "1", body, with_assets.moment())
    model = f"{WORKSPACE.arm}/models/flow/versions/1"
    accepted = await with_assets.put_deployment("bare", **bare, model=model)
    assert accepted.created
