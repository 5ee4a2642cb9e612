"""`teal apply`: what files describe comes true, and a second time nothing happens."""

from pathlib import Path

import pytest

from teal.cli.documents import tell_kind
from teal.sdk.errors import ValidationError
from tests.harness.arm import WORKSPACE, Arm
from tests.unit.cli.conftest import Teal

ENDPOINT = """\
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: e
tags: {team: a}
traffic: {blue: 100}
"""
DEPLOYMENT = """\
name: blue
endpoint_name: e
model: azureml:m@latest
code_configuration: {code: code, scoring_script: score.py}
environment: {image: "python:3.11", conda_file: {dependencies: [python]}}
instance_type: Standard_DS3_v2
instance_count: 1
environment_variables: {LEVEL: 3, FLAG: true}
request_settings: {max_concurrent_requests_per_instance: 4}
"""
MODEL = "name: m\npath: m.pkl\n"
BLUE = f"{WORKSPACE}/onlineEndpoints/e/deployments/blue"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "score.py").write_text("def init(): ...\ndef run(data): ...\n")
    (folder / "m.pkl").write_bytes(b"weights")
    (folder / "all.yml").write_text("---\n".join([ENDPOINT, DEPLOYMENT, MODEL, ""]))
    return folder


APPLY = ("apply", "-f", "project/all.yml")


def actions(said: object) -> list[tuple[str, str]]:
    return [(each["name"], each["action"]) for each in said.json]  # type: ignore[attr-defined]


def test_documents_are_made_in_the_order_they_need_each_other(arm: Arm, teal: Teal, folder: Path) -> None:
    made = teal(*APPLY)
    assert actions(made) == [("m:next", "create"), ("e", "create"), ("e/blue", "create"), ("e", "update")]
    assert arm.resources[BLUE]["properties"]["model"] == f"{WORKSPACE}/models/m/versions/1"
    assert arm.resources[f"{WORKSPACE}/onlineEndpoints/e"]["properties"]["traffic"] == {"blue": 100}


def test_a_second_time_nothing_is_sent(arm: Arm, teal: Teal, folder: Path) -> None:
    teal(*APPLY)
    arm.requests.clear()
    again = teal(*APPLY)
    assert {action for _, action in actions(again)} == {"none"}
    assert {request.method for request in arm.requests} <= {"GET", "HEAD"}


def test_a_dry_run_shows_the_difference_and_changes_nothing(arm: Arm, teal: Teal, folder: Path) -> None:
    shown = teal(*APPLY, "--dry-run")
    assert actions(shown) == [("m:next", "create"), ("e", "create"), ("e/blue", "create"), ("e", "update")]
    assert not arm.resources
    assert not arm.blobs
    teal(*APPLY)
    changed = DEPLOYMENT.replace("instance_count: 1", "instance_count: 2").replace("LEVEL: 3, ", "")
    (folder / "all.yml").write_text("---\n".join([ENDPOINT.replace("team: a", "team: b"), changed, MODEL]))
    (folder / "code" / "score.py").write_text("def init(): ...\ndef run(data): return 1\n")
    arm.requests.clear()
    found = {each["name"]: each["difference"] for each in teal(*APPLY, "--dry-run").json}
    assert found["e"] == ["tags.team: a -> b"]
    assert found["e/blue"][1:] == ["environment_variables.LEVEL: 3 -> (gone)", "instance_count: 1 -> 2"]
    assert found["e/blue"][0].endswith(f"-> new: {folder}/code")
    assert {request.method for request in arm.requests} <= {"GET", "HEAD"}


def test_a_dry_run_knows_the_model_that_the_same_run_would_make(arm: Arm, teal: Teal, folder: Path) -> None:
    teal(*APPLY)
    (folder / "m.pkl").write_bytes(b"other weights")
    assert teal(*APPLY, "--dry-run").json[2]["difference"] == ["model: azureml:m:1 -> azureml:m:next"]
    assert "m/versions/2" not in str(arm.resources)
    named = DEPLOYMENT.replace("m@latest", "m:7")
    (folder / "all.yml").write_text("---\n".join([ENDPOINT, named, MODEL + "version: 7\n"]))
    assert teal(*APPLY, "--dry-run").json[2]["difference"] == ["model: azureml:m:1 -> azureml:m:7"]


@pytest.mark.parametrize("model", ["m:9", "none@latest", "none:1"])
def test_a_dry_run_misses_what_nobody_makes(arm: Arm, teal: Teal, folder: Path, model: str) -> None:
    (folder / "all.yml").write_text("---\n".join([ENDPOINT, DEPLOYMENT.replace("m@latest", model), MODEL]))
    assert teal(*APPLY, "--dry-run").status == 3
    (folder / "all.yml").write_text("---\n".join([ENDPOINT, DEPLOYMENT, MODEL]))
    teal(*APPLY)
    (folder / "all.yml").write_text("---\n".join([ENDPOINT, DEPLOYMENT.replace("m@latest", model), MODEL]))
    assert teal(*APPLY, "--dry-run").status == 3


def test_only_what_differs_is_sent(arm: Arm, teal: Teal, folder: Path) -> None:
    teal(*APPLY)
    (folder / "all.yml").write_text(DEPLOYMENT.replace("instance_count: 1", "instance_count: 2"))
    assert actions(teal(*APPLY)) == [("e/blue", "update")]
    assert arm.sent("PATCH", "/blue") == [{"sku": {"capacity": 2}}]


def test_what_a_document_does_not_mention_stays(arm: Arm, teal: Teal, folder: Path) -> None:
    teal(*APPLY)
    teal("online-endpoint", "update", "-n", "e", "--set", "description=by hand")
    (folder / "all.yml").write_text("name: e\nauth_mode: key\ntags: {}\n")
    assert teal(*APPLY).json[0]["difference"] == ["tags.team: a -> (gone)"]
    endpoint = arm.resources[f"{WORKSPACE}/onlineEndpoints/e"]
    assert endpoint["properties"]["description"] == "by hand"
    assert endpoint["properties"]["traffic"] == {"blue": 100}


def test_other_files_are_another_version_unless_it_is_named(arm: Arm, teal: Teal, folder: Path) -> None:
    file = folder / "model.yml"
    file.write_text(MODEL)
    words = ("apply", "-f", "project/model.yml")
    assert actions(teal(*words)) == [("m:next", "create")]
    file.write_text(MODEL + "version: 1\ntags: {a: 1}\n")
    assert teal(*words).json[0]["difference"] == ["tags.a: 1"]
    (folder / "m.pkl").write_bytes(b"other weights")
    said = teal(*words, "--dry-run")
    assert said.status == 1
    assert "m:1 is there already and holds something else" in said.err


def test_an_environment_is_the_same_by_its_content(arm: Arm, teal: Teal, folder: Path) -> None:
    file = folder / "env.yml"
    file.write_text('name: py\nversion: "1"\nimage: python:3.11\nconda_file: {dependencies: [python]}\n')
    words = ("apply", "-f", "project/env.yml")
    assert actions(teal(*words)) == [("py:1", "create")]
    assert actions(teal(*words)) == [("py:1", "none")]
    file.write_text(file.read_text().replace("3.11", "3.12"))
    assert teal(*words).status == 1


def test_several_files_are_one_wish(arm: Arm, teal: Teal, folder: Path) -> None:
    for name, text in (("e", ENDPOINT), ("d", DEPLOYMENT), ("m", MODEL)):
        (folder / f"{name}.yml").write_text(text)
    words = [word for name in "dem" for word in ("-f", f"project/{name}.yml")]
    assert [name for name, _ in actions(teal("apply", *words))] == ["m:next", "e", "e/blue", "e"]


def test_a_word_misspelt_in_the_last_document_stops_it_before_the_first(arm: Arm, teal: Teal, folder: Path) -> None:
    (folder / "all.yml").write_text(
        "---\n".join([MODEL, ENDPOINT, DEPLOYMENT.replace("instance_type", "instancetype")])
    )
    said = teal(*APPLY)
    assert said.status == 1
    assert "did you mean 'instance_type'" in said.err
    assert not arm.resources


def test_a_step_that_fails_tells_what_was_made_before(arm: Arm, teal: Teal, folder: Path) -> None:
    arm.polls = [{"status": "Succeeded"}, {"status": "Failed", "error": {"code": "X", "message": "it crashed"}}]
    said = teal(*APPLY)
    assert said.status == 1
    assert "(X) it crashed" in said.err
    assert "Made before this: model m:next, online-endpoint e." in said.err
    assert "get-logs" in said.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "describes nothing"),
        ("name: e\n", "could describe several things"),
        ("[1]\n", "expected keys and values"),
        ("name: e\nauth_mode: key\n---\nname: [\n", "is not valid YAML"),
        ("$schema: https://x/latest/commandJob.schema.json\n", "nothing that apply knows"),
        ("name: blue\nendpoint_name: none\ninstance_type: x\n---\nname: e\nauth_mod: key\npath: x\n", "document 2"),
    ],
)
def test_files_that_cannot_be_meant_are_refused(arm: Arm, teal: Teal, folder: Path, text: str, says: str) -> None:
    (folder / "all.yml").write_text(text)
    said = teal(*APPLY)
    assert said.status == 1
    assert says in said.err
    assert not arm.resources


def test_a_deployment_of_an_endpoint_nobody_makes_is_missed_in_the_dry_run_too(
    arm: Arm, teal: Teal, folder: Path
) -> None:
    (folder / "all.yml").write_text(DEPLOYMENT)
    assert teal(*APPLY, "--dry-run").status == 3


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"name": "x", "endpoint_name": "e", "model": "m"}, "online-deployment"),
        ({"name": "x", "auth_mode": "key"}, "online-endpoint"),
        ({"name": "x", "image": "i"}, "environment"),
        ({"name": "x", "path": "p"}, "model"),
        ({"$schema": "https://x/latest/kubernetesOnlineDeployment.schema.json"}, "online-deployment"),
        ({"$schema": "https://x/latest/environment.schema.json"}, "environment"),
    ],
)
def test_a_document_tells_what_it_is(data: dict[str, str], kind: str) -> None:
    assert tell_kind(data, "f") == kind


def test_a_document_that_does_not_tell_is_asked_to() -> None:
    with pytest.raises(ValidationError, match="several things"):
        tell_kind({"name": "x"}, "f")
