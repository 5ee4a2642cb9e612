"""Names people give never lead to another address than the one meant."""

import pytest

from teal.sdk import MLClient, ValidationError
from teal.sdk.paths import below
from tests.harness.arm import Arm

ELSEWHERE = ["", " ", ".", "..", "a/b", "../..", "a\\b", "a?b", "a#b", "a%2fb", "a\nb", "a\x00"]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_sent(arm: Arm, client: MLClient, name: str) -> None:
    for call in (
        lambda: client.online_endpoints.get(name),
        lambda: client.online_endpoints.begin_delete(name),
        lambda: client.online_deployments.begin_delete(name, "e"),
        lambda: client.online_deployments.begin_delete("blue", name),
        lambda: client.models.get(name, "1"),
        lambda: client.models.get("m", name) if name else client.models.get(name),
        lambda: client.environments.archive(name),
        lambda: client.compute.get(name),
        lambda: client.workspaces.begin_delete(name),
        lambda: MLClient(workspace_name=name or "..", url=arm.base, token="secret", transport=arm.transport),
    ):
        with pytest.raises(ValidationError):
            call()
    assert not arm.requests


def test_other_names_are_sent_as_they_are() -> None:
    assert below("/start", "ü é", "versions", 1, "1.0+cpu") == "/start/ü é/versions/1/1.0+cpu"
