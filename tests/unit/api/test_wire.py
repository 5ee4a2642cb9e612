"""ARM JSON and domain values, without a server: what is kept, what is filled in, what is dropped."""

from typing import Any

import pytest

from teal.api.wire import deployments, endpoints
from teal.api.wire.members import Members, format_duration, parse_duration_s
from teal.api.wire.patches import merge_extra, merge_patch
from teal.control.endpoints import EndpointView
from teal.domain.deployments import DeploymentSpec
from teal.domain.endpoints import EndpointSpec, OnlineEndpoint
from teal.domain.errors import InvalidInput
from teal.domain.resource_ids import WorkspaceId
from teal.domain.states import ProvisioningState


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT5S", 5), ("PT0.1S", 0.1), ("PT1M30S", 90), ("P1DT1H", 90000), ("PT0S", 0), ("P2D", 172800)],
)
def test_a_duration_is_read_and_written(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == seconds
    assert parse_duration_s(format_duration(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "5", "PT5", "PT-5S", "P1W", "PTS", f"PT{'9' * 400}S", "P400D"])
def test_what_is_no_duration_is_none(text: str) -> None:
    assert parse_duration_s(text) is None


def test_a_spec_survives_the_wire() -> None:
    endpoint_bodies: list[dict[str, Any]] = [
        {"properties": {}},
        {
            "location": "here",
            "tags": {"a": "b"},
            "identity": {"type": "UserAssigned", "userAssignedIdentities": {"/x": {}}},
            "properties": {"description": "d", "compute": "/k8s", "unknown": {"a": 1}, "traffic": {"blue": 100.0}},
        },
    ]
    for body in endpoint_bodies:
        spec = endpoints.parse_endpoint(body)
        assert endpoints.parse_endpoint(endpoints.format_wanted(spec)) == spec
    deployment_bodies: list[dict[str, Any]] = [
        {"properties": {}},
        {
            "sku": {"name": "Default", "tier": "Standard", "capacity": 2},
            "properties": {
                "model": "azureml:m:1", "description": "d",
                "codeConfiguration": {"codeId": "c", "scoringScript": "s", "x": 1},
                "requestSettings": {"drainLimit": "PT1H", "later": True}, "livenessProbe": {"period": "PT0.5S"},
                "startupProbe": {"period": "PT2S"},
            },
        },
    ]  # fmt: skip
    for wanted in deployment_bodies:
        found = deployments.parse_deployment(wanted)
        assert deployments.parse_deployment(deployments.format_wanted(found)) == found


def test_the_defaults_of_the_wire_are_those_of_the_domain() -> None:
    assert deployments.parse_deployment({}) == DeploymentSpec()
    assert endpoints.parse_endpoint({}) == EndpointSpec()


def test_a_user_assigned_identity_gets_no_principal() -> None:
    spec = EndpointSpec(identity={"type": "UserAssigned", "userAssignedIdentities": {}})
    endpoint = OnlineEndpoint(
        workspace=WorkspaceId("s", "g", "w"), name="e", spec=spec, generation=1, created_at=0, modified_at=0
    )
    body = endpoints.format_endpoint(EndpointView(endpoint, None, ProvisioningState.CREATING), "http://gateway")
    assert body["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {}}
    assert body["properties"]["observed"] == {"conditions": []}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, None), ("x", "not 'x'"), ("x" * 50, "not text"), (True, "not true"), (False, "not false"), (3, "not 3"),
        ([], "not a list"), ({}, None),
    ],
)  # fmt: skip
def test_a_refusal_names_what_was_found(value: Any, words: str | None) -> None:
    members = Members({"a": {"b": value}})
    if words is None:
        assert members.nested("a").mapping("b") in (None, {})
        return
    with pytest.raises(InvalidInput, match=words) as refusal:
        members.nested("a").mapping("b")
    assert refusal.value.target == "a.b"


def test_a_refusal_never_repeats_an_object() -> None:
    with pytest.raises(InvalidInput, match="not an object"):
        Members({"a": {"secret": 1}}).text("a")
    with pytest.raises(InvalidInput, match="must be a JSON object, not null"):
        Members(None)


def test_what_was_not_read_is_left_over() -> None:
    members = Members({"a": 1, "b": {"c": 1, "d": 2}, "e": None, "f": 3})
    members.whole("a", 0)
    members.nested("b").whole("c", 0)
    members.drop("f")
    assert members.rest() == {"b": {"d": 2}}


def test_a_number_among_words_is_kept_as_its_text() -> None:
    words = Members({"tags": {"a": "x", "n": 3, "f": 0.5, "yes": True, "none": None}}).texts("tags")
    assert words == {"a": "x", "n": "3", "f": "0.5", "yes": "true"}


def test_a_merge_patch_does_what_the_standard_says() -> None:
    stored = {"a": "b", "c": {"d": "e", "f": "g"}, "l": [1]}
    assert merge_patch(stored, {"a": "z", "c": {"f": None}, "l": [2]}) == {"a": "z", "c": {"d": "e"}, "l": [2]}
    assert merge_patch({"a": "text"}, {"a": {"b": {"c": None, "d": 1}}}) == {"a": {"b": {"d": 1}}}
    assert merge_patch({"properties": {"traffic": {"a": 1}}}, {"properties": {"traffic": {"b": None, "c": 2}}}) == {
        "properties": {"traffic": {"c": 2}}
    }


def test_unknown_members_stand_beside_known_ones() -> None:
    assert merge_extra({"a": {"b": 1}, "c": 2}, {"a": {"x": 0, "b": 9}, "c": {"y": 1}, "z": 3}) == {
        "a": {"x": 0, "b": 1},
        "c": 2,
        "z": 3,
    }
