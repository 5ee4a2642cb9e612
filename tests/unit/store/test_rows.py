"""What is stored comes back as it was."""

import pytest

from teal.domain.deployments import DeploymentSpec, DeploymentStatus
from teal.domain.endpoints import EndpointKeys, EndpointSpec
from teal.domain.errors import InvalidInput
from teal.domain.workspaces import Workspace
from teal.store import rows
from teal.store.errors import StoreRefused
from teal.store.rows import Rows
from tests.unit.store import entities


@pytest.mark.parametrize(
    ("codec", "value"),
    [
        (rows.WORKSPACES, Workspace(id=entities.WORKSPACE, uuid="u", created_at=1.5, location="here")),
        (rows.ENDPOINTS, entities.ENDPOINT),
        (rows.ENDPOINT_KEYS, EndpointKeys("one", "two")),
        (rows.ENDPOINT_STATUSES, entities.ENDPOINT_STATUS),
        (rows.ENDPOINT_SPECS, EndpointSpec()),
        (rows.DEPLOYMENTS, entities.DEPLOYMENT),
        (rows.DEPLOYMENT_SPECS, DeploymentSpec()),
        (rows.DEPLOYMENT_STATUSES, entities.DEPLOYMENT_STATUS),
        (rows.DEPLOYMENT_STATUSES, DeploymentStatus()),
        (rows.INSTANCES, entities.INSTANCE),
        (rows.ASSET_VERSIONS, entities.MODEL),
        (rows.BLOBS, entities.BLOB),
        (rows.JSON_OBJECTS, {"a": [1, {"b": None}]}),
    ],
)
def test_every_value_round_trips_exactly(codec: Rows, value: object) -> None:
    assert codec.parse(codec.format(value)) == value


def test_enums_come_back_as_enums_and_tuples_as_tuples() -> None:
    back = rows.DEPLOYMENT_STATUSES.parse(rows.DEPLOYMENT_STATUSES.format(entities.DEPLOYMENT_STATUS))
    assert back.outcome is entities.DEPLOYMENT_STATUS.outcome
    assert isinstance(back.conditions, tuple)
    assert back.conditions[0].type is entities.CONDITIONS[0].type


def test_a_member_of_a_wrong_type_is_refused_when_it_is_written() -> None:
    with pytest.raises(Exception, match="instance_count"):
        rows.DEPLOYMENT_SPECS.format(DeploymentSpec(instance_count="3"))  # type: ignore[arg-type]


def test_text_that_is_not_unicode_is_the_callers_mistake() -> None:
    with pytest.raises(InvalidInput, match="not valid Unicode"):
        rows.DEPLOYMENT_SPECS.format(DeploymentSpec(description="\ud800"))


def test_members_of_a_newer_version_are_ignored_and_missing_ones_take_their_defaults() -> None:
    assert rows.DEPLOYMENT_SPECS.parse('{"instance_count": 2, "from_the_future": 1}') == DeploymentSpec(
        instance_count=2
    )


def test_a_row_that_cannot_be_read_says_which_kind() -> None:
    with pytest.raises(StoreRefused, match="OnlineEndpoint") as refused:
        rows.ENDPOINTS.parse('{"name": "x"}')
    assert refused.value.code == "StorageDamaged"
