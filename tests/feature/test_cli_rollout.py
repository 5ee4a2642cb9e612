"""A rollout by hand: what the command line does with a real server, real instances and a real gateway."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.harness.command_line import CommandLine, running_teal
from tests.harness.samples import write_samples

SAMPLE = "endpoints/online/managed/sample"
REQUEST = "endpoints/online/model-1/sample-request.json"
SUMS, DOUBLED = "[6,15]", "[12,30]"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    folder = tmp_path_factory.mktemp("rollout")
    write_samples(folder)
    with running_teal(folder) as line:
        yield line


@pytest.fixture
def endpoint(line: CommandLine, request: pytest.FixtureRequest) -> Iterator[str]:
    """An endpoint with blue at 100 % and green beside it, gone afterwards."""
    name = "e-" + request.node.name.replace("_", "")[4:30].rstrip("-")
    line.must("online-endpoint", "create", "-n", name, "-f", f"{SAMPLE}/endpoint.yml")
    blue, green = f"{SAMPLE}/blue-deployment.yml", f"{SAMPLE}/green-deployment.yml"
    line.must("online-deployment", "create", "-n", "blue", "-e", name, "-f", blue, "--all-traffic")
    line.must("online-deployment", "create", "-n", "green", "-e", name, "-f", green)
    yield name
    line.must("online-endpoint", "delete", "-n", name, "--yes")


def invoke(line: CommandLine, endpoint: str, *words: str) -> object:
    return line.must("online-endpoint", "invoke", "-n", endpoint, "-r", REQUEST, *words).json


def test_traffic_shifts_and_green_can_be_called_by_name_before(line: CommandLine, endpoint: str) -> None:
    assert invoke(line, endpoint) == SUMS
    assert invoke(line, endpoint, "-d", "green") == DOUBLED
    shifted = line.must("online-endpoint", "update", "-n", endpoint, "--traffic", "blue=0 green=100").json
    assert shifted["traffic"] == {"blue": 0, "green": 100}
    assert invoke(line, endpoint) == DOUBLED
    assert "Request received" in line.must("online-deployment", "get-logs", "-n", "green", "-e", endpoint).out


def test_what_the_rules_forbid_is_refused_and_changes_nothing(line: CommandLine, endpoint: str) -> None:
    before = line.must("online-endpoint", "show", "-n", endpoint).json
    refused = [
        ["online-endpoint", "update", "-n", endpoint, "--traffic", "blue=90"],
        ["online-endpoint", "update", "-n", endpoint, "--traffic", "red=100"],
        ["online-endpoint", "update", "-n", endpoint, "--mirror-traffic", "green=51"],
        ["online-endpoint", "update", "-n", endpoint, "--mirror-traffic", "blue=10"],
        ["online-deployment", "delete", "-n", "blue", "-e", endpoint, "--yes"],
        ["online-endpoint", "create", "-n", endpoint],
        ["online-deployment", "create", "-n", "blue", "-e", endpoint, "-f", f"{SAMPLE}/blue-deployment.yml"],
    ]
    for words in refused:
        answer = line.teal(*words)
        assert (answer.status, answer.out) == (1, ""), words
        assert answer.err.startswith("ERROR: "), words
    assert line.must("online-endpoint", "show", "-n", endpoint).json == before


def test_what_is_not_there_ends_with_status_three(line: CommandLine, endpoint: str) -> None:
    for words in (
        ["online-endpoint", "show", "-n", "none"],
        ["online-endpoint", "update", "-n", "none", "--traffic", "blue=100"],
        ["online-deployment", "show", "-n", "none", "-e", endpoint],
        ["online-deployment", "update", "-n", "none", "-e", endpoint, "--set", "instance_count=2"],
        ["online-deployment", "create", "-n", "x", "-e", "none", "-f", f"{SAMPLE}/blue-deployment.yml"],
        ["model", "show", "-n", "none", "--version", "1"],
    ):
        assert line.teal(*words).status == 3, words


def test_an_update_keeps_what_it_does_not_mention(line: CommandLine, endpoint: str) -> None:
    line.must("online-endpoint", "update", "-n", endpoint, "--mirror-traffic", "green=10")
    line.must("online-endpoint", "update", "-n", endpoint, "--set", "tags.team=forecast", "description=mine")
    shown = line.must("online-endpoint", "update", "-n", endpoint, "--remove", "description").json
    assert (shown["mirror_traffic"], shown["tags"]) == ({"green": 10}, {"team": "forecast"})
    assert shown["traffic"] == {"blue": 100}
    assert "description" not in shown

    show = ("online-deployment", "show", "-n", "blue", "-e", endpoint)
    before = line.must(*show).json
    scaled = line.must(
        *("online-deployment", "update", "-n", "blue", "-e", endpoint, "--set", "instance_count=2"),
        "environment_variables.A=1",
    ).json
    assert (scaled["instance_count"], scaled["environment_variables"]) == (2, {"A": "1"})
    assert [each["state"] for each in scaled["observed"]["instances"]].count("routable") == 2
    for key in ("model", "code_configuration", "environment", "request_settings", "instance_type"):
        assert scaled[key] == before[key]


def test_a_failed_update_says_why_and_leaves_what_ran_serving(line: CommandLine, endpoint: str, tmp_path: Path) -> None:
    (tmp_path / "score.py").write_text("import a_package_nobody_has\ndef init(): ...\ndef run(data): ...\n")
    answer = line.teal(
        *("online-deployment", "update", "-n", "blue", "-e", endpoint),
        *("--set", f"code_configuration.code={tmp_path}"),
    )
    assert answer.status == 1
    assert "(UserScriptImportError)" in answer.err
    assert "a_package_nobody_has" in answer.err
    assert f"`teal online-deployment get-logs -e {endpoint} -n blue`" in answer.err
    assert invoke(line, endpoint) == SUMS


def test_one_key_is_replaced_and_the_other_goes_on_working(line: CommandLine, endpoint: str) -> None:
    before = line.must("online-endpoint", "get-credentials", "-n", endpoint).json
    line.must("online-endpoint", "regenerate-keys", "-n", endpoint, "--key-type", "primary")
    after = line.must("online-endpoint", "get-credentials", "-n", endpoint).json
    assert after["primaryKey"] != before["primaryKey"]
    assert after["secondaryKey"] == before["secondaryKey"]
    assert after["accessToken"] == after["primaryKey"]

    uri = line.must("online-endpoint", "show", "-n", endpoint, "-o", "tsv", "--query", "scoring_uri").out.strip()
    statuses = [
        httpx.post(uri, json={"data": [[1]]}, headers={"Authorization": f"Bearer {key}"}).status_code
        for key in (before["primaryKey"], before["secondaryKey"], after["primaryKey"])
    ]
    assert statuses == [401, 200, 200]


def test_no_wait_returns_at_once_and_show_tells_how_far_it_is(line: CommandLine, endpoint: str) -> None:
    answer = line.must(
        *("online-deployment", "update", "-n", "green", "-e", endpoint, "--set", "instance_count=2", "--no-wait")
    )
    assert answer.out == ""
    assert f"`teal online-deployment show -e {endpoint} -n green`" in answer.err
    assert line.must("online-deployment", "show", "-n", "green", "-e", endpoint).json["instance_count"] == 2


def test_models_and_environments_are_registered_and_named(line: CommandLine, endpoint: str) -> None:
    model = line.must("model", "create", "--name", "double", "--path", "endpoints/online/model-2/model").json
    assert model["version"] == "1"
    again = line.must("model", "create", "--name", "double", "--path", "endpoints/online/model-1/model").json
    assert again["version"] == "2"
    listed = line.must("model", "list", "--name", "double", "-o", "tsv", "--query", "[].version").out.split()
    assert listed == ["2", "1"]
    update = ("online-deployment", "update", "-n", "blue", "-e", endpoint, "--set")
    line.must(*update, "model=azureml:double:1")
    assert invoke(line, endpoint) == DOUBLED
    line.must(*update, "model=azureml:double@latest")
    assert invoke(line, endpoint) == SUMS
    conda = "endpoints/online/model-1/environment/conda.yaml"
    made = line.must("environment", "create", "--name", "py", "--image", "python:3.11", "--conda-file", conda).json
    assert (made["name"], made["version"]) == ("py", "1")
