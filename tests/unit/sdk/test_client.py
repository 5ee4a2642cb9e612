"""The client as a whole: where its workspace comes from, what it has not, and two clients at once."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from teal.entities import ManagedOnlineDeployment, ManagedOnlineEndpoint, Model, Workspace
from teal.sdk import MLClient, ResourceModifiedError, TealError, Unsupported, ValidationError
from teal.sdk.errors import build_http_error
from tests.harness.arm import WORKSPACE, Arm

CONFIG = {"subscription_id": "s", "resource_group": "g", "workspace_name": "w"}


@pytest.mark.parametrize("place", ["config.json", ".azureml/config.json", "aml_config/project.json"])
def test_the_workspace_of_a_config_file_above(arm: Arm, tmp_path: Path, place: str) -> None:
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(CONFIG))
    below = tmp_path / "deep" / "er"
    below.mkdir(parents=True)
    for path in (below, file):
        client = MLClient.from_config(path=path, url=arm.base, token="secret", transport=arm.transport)
        assert (client.subscription_id, client.resource_group_name, client.workspace_name) == ("s", "g", "w")


def test_an_older_config_file_and_another_name(arm: Arm, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps({"Scope": WORKSPACE}))
    client = MLClient.from_config(
        path=tmp_path, file_name="mine.json", url=arm.base, token="secret", transport=arm.transport
    )
    assert (client.resource_group_name, client.workspace_name) == ("teal", "default")


def test_a_config_file_that_names_no_workspace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"There is no nothing\.json"):
        MLClient.from_config(path=tmp_path, file_name="nothing.json")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValidationError, match="does not name a workspace"):
        MLClient.from_config(path=tmp_path / "config.json")


def test_what_azures_client_has_besides_says_why_it_is_missing(client: MLClient) -> None:
    with pytest.raises(AttributeError, match="no 'jobs': it serves models, and trains none"):
        client.jobs  # noqa: B018
    assert not hasattr(client, "batch_endpoints")
    assert not hasattr(client, "nothing")


def test_sharing_and_packaging_are_refused(client: MLClient) -> None:
    calls: list[Callable[[], object]] = [
        lambda: client.models.share("m", "1", registry_name="r"),
        lambda: client.models.package("m", "1", None),
        lambda: client.environments.share("e", "1", registry_name="r"),
        lambda: client.online_endpoints.list(local=True),
    ]
    for refused in calls:
        with pytest.raises(Unsupported) as caught:
            refused()
        assert caught.value.code == "NotSupported"
        assert caught.value.hint
        assert caught.value.target


def test_every_error_carries_code_target_message_and_hint() -> None:
    for error in (ValidationError("m", hint="h", target="t"), build_http_error(412, {"error": {"message": "m"}})):
        assert isinstance(error, TealError)
        assert (error.message, bool(error.code)) == ("m", True)
        assert (error.hint, error.target) in (("h", "t"), (None, None))


def test_of_two_changes_of_one_state_the_second_is_refused(arm: Arm, client: MLClient) -> None:
    client.begin_create_or_update(ManagedOnlineEndpoint(name="e")).result()
    client.begin_create_or_update(ManagedOnlineDeployment(name="blue", endpoint_name="e", model="azureml:m:1")).result()
    pairs: list[tuple[Callable[[], Any], Callable[..., Any]]] = [
        (lambda: client.online_endpoints.get("e"), client.online_endpoints.begin_change),
        (lambda: client.online_deployments.get("blue", "e"), client.online_deployments.begin_change),
    ]
    for read, change in pairs:
        mine, theirs = read(), read()
        change(theirs, dataclasses.replace(theirs, description="theirs")).result()
        with pytest.raises(ResourceModifiedError):
            change(mine, dataclasses.replace(mine, description="mine"))
        assert read().description == "theirs"


def test_workspaces_are_made_listed_and_deleted(arm: Arm, client: MLClient) -> None:
    assert client.create_or_update(Workspace(name="default", display_name="d")).name == "default"
    assert [each.name for each in client.workspaces.list()] == ["default"]
    assert client.workspaces.begin_delete("default").result() is None
    with pytest.raises(ValidationError, match="scope"):
        client.workspaces.list(scope="planet")


def test_a_model_described_in_place_is_found_again_by_its_files(arm: Arm, client: MLClient, tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(b"weights")
    client.begin_create_or_update(ManagedOnlineEndpoint(name="e")).result()
    blue = ManagedOnlineDeployment(name="blue", endpoint_name="e", model=Model(name="m", path=tmp_path / "m.pkl"))
    for _ in range(2):
        client.begin_create_or_update(blue).result()
    assert [path for path in arm.resources if "/models/" in path] == [f"{WORKSPACE}/models/m/versions/1"]


def test_arguments_of_azures_client_are_accepted(arm: Arm) -> None:
    given = {"url": arm.base, "token": "secret", "transport": arm.transport}
    assert MLClient("t", "s", "g", "w", enable_telemetry=False, cloud="AzureCloud", show_progress=False, **given)  # type: ignore[arg-type]
    with pytest.raises(Unsupported, match="registry_name"):
        MLClient("t", registry_name="azureml", **given)  # type: ignore[arg-type]


def test_an_error_of_blob_storage_is_read_from_its_xml() -> None:
    xml = '<?xml version="1.0" encoding="utf-8"?><Error><Code>StorageFull</Code><Message>No room.</Message></Error>'
    assert str(build_http_error(507, xml)) == "(StorageFull) No room."
    assert str(build_http_error(507, "\ufeff" + xml)) == "(StorageFull) No room."
    assert str(build_http_error(502, "<html>a proxy</html>")) == "(Http502) <html>a proxy</html>"
    assert str(build_http_error(502, "<broken")) == "(Http502) <broken"


def test_a_create_whose_first_answer_was_lost_says_so(arm: Arm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teal.sdk.transport.RETRY_DELAYS_S", (0.0,))
    lost: list[str] = []

    def lose_one_answer(request: httpx.Request) -> httpx.Response:
        answer = arm(request)
        if request.method == "PUT" and not lost:
            lost.append(request.url.path)
            raise httpx.ReadError("the connection is gone", request=request)
        return answer

    client = MLClient(url=arm.base, token="secret", transport=httpx.MockTransport(lose_one_answer))
    with pytest.raises(ResourceModifiedError) as raised:
        client.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="e"), only_new=True)
    assert "first attempt was lost" in str(raised.value.hint)
    with pytest.raises(ResourceModifiedError) as raised:
        client.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="e"), only_new=True)
    assert raised.value.hint is None
