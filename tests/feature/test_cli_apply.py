"""`teal apply` and its neighbours with a real server: files come true, nothing happens twice, what is kept stays."""

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.command_line import CommandLine, running_teal
from tests.harness.samples import write_samples

REQUEST = "endpoints/online/model-1/sample-request.json"
SUMS, DOUBLED = "[6,15]", "[12,30]"

ROLLOUT = """\
name: applied
auth_mode: key
tags: {{team: forecast}}
traffic: {{blue: {blue}, green: {green}}}
---
name: sums
path: endpoints/online/model-1/model
---
name: blue
endpoint_name: applied
model: azureml:sums@latest
code_configuration: {{code: endpoints/online/model-1/onlinescoring, scoring_script: score.py}}
environment:
  image: python:3.11
  conda_file: endpoints/online/model-1/environment/conda.yaml
instance_type: Standard_DS3_v2
instance_count: {count}
environment_variables: {{LEVEL: 3}}
---
name: green
endpoint_name: applied
model: {{path: endpoints/online/model-2/model}}
code_configuration: {{code: endpoints/online/model-2/onlinescoring, scoring_script: score.py}}
environment: {{image: "python:3.11", conda_file: endpoints/online/model-1/environment/conda.yaml}}
instance_type: Standard_DS3_v2
instance_count: 1
"""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    folder = tmp_path_factory.mktemp("apply")
    write_samples(folder)
    with running_teal(folder) as line:
        yield line


@pytest.fixture(scope="module")
def applied(line: CommandLine) -> CommandLine:
    """The first application: everything is new."""
    assert set(actions(line, blue=100, green=0, count=1)) == {"create", "update"}
    return line


def actions(line: CommandLine, *words: str, blue: int, green: int, count: int) -> list[str]:
    (line.folder / "rollout.yml").write_text(ROLLOUT.format(blue=blue, green=green, count=count))
    done = line.must("apply", "-f", "rollout.yml", *words)
    return [step["action"] for step in done.json]


def invoke(line: CommandLine) -> object:
    return line.must("online-endpoint", "invoke", "-n", "applied", "-r", REQUEST).json


def test_files_come_true_and_a_second_time_nothing_happens(applied: CommandLine) -> None:
    assert invoke(applied) == SUMS
    before = [applied.must("online-deployment", "show", "-e", "applied", "-n", name).json for name in ("blue", "green")]
    assert set(actions(applied, blue=100, green=0, count=1)) == {"none"}
    after = [applied.must("online-deployment", "show", "-e", "applied", "-n", name).json for name in ("blue", "green")]
    assert [each["creation_context"] for each in after] == [each["creation_context"] for each in before]


def test_a_change_of_the_file_is_shown_first_and_then_made(applied: CommandLine) -> None:
    assert actions(applied, "--dry-run", blue=0, green=100, count=2).count("update") == 2
    assert invoke(applied) == SUMS
    assert actions(applied, blue=0, green=100, count=2).count("update") == 2
    assert invoke(applied) == DOUBLED
    shown = applied.must("online-deployment", "show", "-e", "applied", "-n", "blue").json
    assert (shown["instance_count"], shown["environment_variables"]) == (2, {"LEVEL": "3"})
    assert set(actions(applied, blue=0, green=100, count=2)) == {"none"}
    assert set(actions(applied, blue=100, green=0, count=1)) == {"none", "update"}


def test_a_model_is_fetched_archived_and_restored(applied: CommandLine) -> None:
    applied.must("model", "download", "-n", "sums", "--version", "1", "-p", "fetched")
    fetched = applied.folder / "fetched" / "sums" / "model" / "weights.json"
    assert json.loads(fetched.read_text()) == {"factor": 1}
    names = ("model", "list", "-n", "sums", "-o", "tsv", "--query", "[].version")
    applied.must("model", "archive", "-n", "sums", "--version", "1")
    assert applied.must(*names).out.split() == []
    assert applied.must(*names, "--archived-only").out.split() == ["1"]
    applied.must("model", "restore", "-n", "sums", "--version", "1")
    updated = applied.must("model", "update", "-n", "sums", "--version", "1", "--set", "tags.stage=approved").json
    assert (updated["tags"], updated["version"]) == ({"stage": "approved"}, "1")


def test_autoscale_settings_outlive_updates_of_their_deployment(applied: CommandLine) -> None:
    show = ("online-deployment", "show", "-e", "applied", "-n", "blue", "-o", "tsv", "--query")
    target = applied.must(*show, "id").out.strip()
    pids = applied.must(*show, "observed.instances[].id").out
    bounds = ("--min-count", "1", "--max-count", "5", "--count", "1")
    applied.must("monitor", "autoscale", "create", "-n", "a", "--resource", target, *bounds)
    rule = ("--condition", "CpuUtilizationPercentage > 70 avg 5m", "--scale", "out", "2")
    applied.must("monitor", "autoscale", "rule", "create", "--autoscale-name", "a", *rule)
    applied.must("online-deployment", "update", "-e", "applied", "-n", "blue", "--set", "tags.a=b")
    rules = applied.must("monitor", "autoscale", "rule", "list", "--autoscale-name", "a").json
    assert [each["scaleAction"]["value"] for each in rules] == ["2"]
    assert applied.must(*show, "observed.instances[].id").out == pids, "no instance was replaced for it"
    applied.must("monitor", "autoscale", "delete", "-n", "a")
    assert applied.must("monitor", "autoscale", "list").json == []


def test_two_shells_that_change_one_endpoint_lose_nothing(applied: CommandLine) -> None:
    words = [("--set", f"tags.t{number}={number}") for number in range(4)]
    threads = [
        threading.Thread(target=applied.must, args=("online-endpoint", "update", "-n", "applied", *each))
        for each in words
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tags = applied.must("online-endpoint", "show", "-n", "applied", "--query", "tags").json
    assert {f"t{number}": str(number) for number in range(4)}.items() <= tags.items()


def test_a_config_file_names_the_workspace(applied: CommandLine, tmp_path: Path) -> None:
    config = {"subscription_id": "s", "resource_group": "g", "workspace_name": "elsewhere"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    code = (
        "from teal import MLClient; import sys; c = MLClient.from_config(path=sys.argv[1]);"
        "print(c.workspaces.get().resource_group, [e.name for e in c.online_endpoints.list()])"
    )
    assert applied.run(sys.executable, "-c", code, str(tmp_path)).out == "g []\n"
