from pathlib import Path

import pytest

from tests.harness.arm import WORKSPACE, Arm
from tests.unit.cli.conftest import Teal

YAML = """\
name: blue
endpoint_name: e
model: azureml:m:1
code_configuration: {code: code, scoring_script: score.py}
environment: azureml:env:1
instance_type: Standard_DS3_v2
instance_count: 1
environment_variables: {A: "1"}
"""


@pytest.fixture
def endpoint(arm: Arm, teal: Teal, tmp_path: Path) -> Arm:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "score.py").write_text("def init(): ...\ndef run(data): ...\n")
    (tmp_path / "blue.yml").write_text(YAML)
    assert teal("online-endpoint", "create", "--name", "e").status == 0
    return arm


@pytest.fixture
def blue(endpoint: Arm, teal: Teal) -> Arm:
    assert teal("online-deployment", "create", "-f", "blue.yml").status == 0
    return endpoint


def test_all_traffic_follows_once_the_deployment_is_ready(endpoint: Arm, teal: Teal) -> None:
    said = teal(
        *("ml", "online-deployment", "create", "--name", "blue", "--endpoint-name", "e", "-f", "blue.yml"),
        "--all-traffic",
    )
    assert said.status == 0
    assert said.json["provisioning_state"] == "Succeeded"
    assert endpoint.sent("PATCH", "/onlineEndpoints/e") == [{"properties": {"traffic": {"blue": 100}}}]


def test_all_traffic_has_to_wait(endpoint: Arm, teal: Teal) -> None:
    said = teal("online-deployment", "create", "-f", "blue.yml", "--all-traffic", "--no-wait")
    assert said.status == 1
    assert "--no-wait" in said.err
    assert not endpoint.sent("PUT", "/blue")


def test_names_on_the_command_line_win_over_the_file(endpoint: Arm, teal: Teal) -> None:
    said = teal("online-deployment", "create", "-n", "green", "-e", "e", "-f", "blue.yml", "--set", "instance_count=3")
    assert (said.json["name"], said.json["instance_count"], said.json["type"]) == ("green", 3, "managed")
    assert said.json["model"] == f"azureml:{WORKSPACE}/models/m/versions/1"


def test_create_is_refused_if_it_exists(blue: Arm, teal: Teal) -> None:
    said = teal("online-deployment", "create", "-f", "blue.yml")
    assert said.status == 1
    assert "The deployment 'blue' exists already" in said.err


def test_without_its_endpoint_it_is_not_found(arm: Arm, teal: Teal, tmp_path: Path) -> None:
    (tmp_path / "blue.yml").write_text("name: blue\nendpoint_name: none\nmodel: azureml:m:1\n")
    assert teal("online-deployment", "create", "-f", "blue.yml").status == 3


def test_scaling_sends_the_count_and_nothing_else(blue: Arm, teal: Teal) -> None:
    said = teal(
        "ml", "online-deployment", "update", "--name", "blue", "--endpoint-name", "e", "--set", "instance_count=2"
    )
    assert said.json["instance_count"] == 2
    assert blue.sent("PATCH", "/deployments/blue") == [{"sku": {"capacity": 2}}]


def test_unambiguous_prefixes_of_flags_are_enough(blue: Arm, teal: Teal) -> None:
    assert teal("ml", "online-deployment", "show", "--name", "blue", "--endpoint", "e").json["name"] == "blue"
    assert teal("ml", "online-deployment", "show", "--deployment", "blue", "--endpoint", "e").status == 0
    said = teal("ml", "online-deployment", "delete", "--name", "blue", "--endpoint", "e", "--yes", "--no-wait")
    assert said.status == 0
    assert not [path for path in blue.resources if path.endswith("/blue")]


def test_a_missing_one_is_not_updated(endpoint: Arm, teal: Teal) -> None:
    assert teal("online-deployment", "update", "-e", "e", "-n", "none", "--set", "instance_count=2").status == 3


def test_an_update_may_name_its_deployment_by_set(blue: Arm, teal: Teal, tmp_path: Path) -> None:
    (tmp_path / "template.yml").write_text(YAML.replace("endpoint_name: e", "endpoint_name: <ENDPOINT_NAME>"))
    words = ("online-deployment", "update", "-f", "template.yml", "--set", "endpoint_name=e")
    assert teal(*words, "--set", "instance_count=2").json["instance_count"] == 2
    assert "'name' cannot be changed" in teal(*words, "-n", "blue", "--set", "name=green").err
    assert teal("online-endpoint", "update", "--set", "name=e", "tags.a=b").json["tags"] == {"a": "b"}


def test_an_update_from_a_file_changes_what_the_file_says(blue: Arm, teal: Teal, tmp_path: Path) -> None:
    (tmp_path / "new.yml").write_text(
        "name: blue\nendpoint_name: e\nenvironment_variables: {B: x}\nmodel: azureml:m:2\n"
    )
    teal("online-deployment", "update", "-f", "new.yml")
    assert blue.sent("PATCH", "/deployments/blue") == [
        {
            "properties": {
                "environmentVariables": {"A": None, "B": "x"},
                "model": f"{WORKSPACE}/models/m/versions/2",
            }
        }
    ]


def test_the_reason_of_a_failure_and_where_to_read_on(endpoint: Arm, teal: Teal) -> None:
    endpoint.polls = [{"status": "Failed", "error": {"code": "UserScriptImportError", "message": "No module named x"}}]
    said = teal("online-deployment", "create", "-f", "blue.yml", "--all-traffic")
    assert said.status == 1
    assert said.err == (
        "ERROR: (UserScriptImportError) No module named x\n"
        "`teal online-deployment get-logs -e e -n blue` shows what it wrote.\n"
    )
    assert not endpoint.sent("PATCH", "/onlineEndpoints/e")


def test_logs_are_printed_as_they_were_written(blue: Arm, teal: Teal) -> None:
    assert teal("online-deployment", "get-logs", "-n", "blue", "-e", "e", "-l", "5").out == "one\ntwo\n"
    assert blue.sent("POST", "/getLogs") == [{"tail": 5}]


def test_the_table_shows_phase_and_instances(blue: Arm, teal: Teal) -> None:
    path = next(path for path in blue.resources if path.endswith("/blue"))
    blue.resources[path]["properties"]["observed"] = {"phase": "in service", "instances": [{"state": "routable"}]}
    table = teal("online-deployment", "list", "-e", "e", "-o", "table").out
    assert "in service" in table
    assert "1/1" in table
    assert "m:1" in table


@pytest.mark.parametrize("flag", ["--local", "--vscode-debug", "--web", "--local-enable-gpu"])
def test_what_is_not_offered_yet_says_so_with_status_two(endpoint: Arm, teal: Teal, flag: str) -> None:
    said = teal("online-deployment", "create", "-f", "blue.yml", flag)
    assert said.status == 2
    assert said.err.startswith(f"ERROR: {flag} is not offered yet: ")
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize("word", ["name=other", "endpoint_name=other", "provisioning_state=Failed"])
def test_what_cannot_be_changed_is_refused_by_name(blue: Arm, teal: Teal, word: str) -> None:
    said = teal("online-deployment", "update", "-n", "blue", "-e", "e", "--set", word)
    assert said.status == 1
    assert f"'{word.partition('=')[0]}' cannot be changed" in said.err
    assert not blue.sent("PATCH", "/blue")


def test_of_two_that_create_one_is_refused(blue: Arm, teal: Teal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one comes in between the look and the request."""
    monkeypatch.setattr("teal.cli.deployments._exists", lambda *_: False)
    said = teal("online-deployment", "create", "-f", "blue.yml")
    assert said.status == 1
    assert "The deployment 'blue' exists already." in said.err
    assert len(blue.sent("PUT", "/blue")) == 2
