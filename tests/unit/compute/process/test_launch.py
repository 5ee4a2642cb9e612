"""What an instance is started with."""

from pathlib import Path

import pytest
from packaging.version import Version

from teal.compute.environments import BuiltEnvironment
from teal.compute.process.directories import InstanceDirectory, RunDirectory
from teal.compute.process.launch import build_scoring_command, build_variables, find_free_port
from teal.domain.instance_types import InstanceSize
from teal.domain.instances import AssetMount, EnvironmentDefinition, InstanceSpec

DIRECTORY = InstanceDirectory(Path("/data/instances/blue-1"))
RUN = RunDirectory(DIRECTORY.path / "runs/1")


def build_environment(version: str = "3.11.7") -> BuiltEnvironment:
    return BuiltEnvironment(Path("/env/bin/python"), Version(version), ())


def build_spec(size: InstanceSize | None = None, **environment_variables: str) -> InstanceSpec:
    return InstanceSpec(
        instance_id="blue-1",
        endpoint="shop",
        deployment="blue",
        revision="1",
        model=AssetMount("ranker", "3", ()),
        code=None,
        scoring_script="onlinescoring/score.py",
        environment=EnvironmentDefinition(label="e:1"),
        environment_variables=environment_variables,
        size=size,
        max_concurrent_requests=4,
    )


def build(spec: InstanceSpec, **server_variables: str) -> dict[str, str]:
    return build_variables(
        spec, DIRECTORY, RUN, build_environment(), server_variables={"PATH": "/bin", **server_variables}, machine_cpus=2
    )


def test_the_reference_servers_variables_are_set() -> None:
    variables = build(build_spec())
    assert variables["AZUREML_MODEL_DIR"] == "/data/instances/blue-1/azureml-models/ranker/3"
    assert variables["AML_APP_ROOT"] == "/data/instances/blue-1/app"
    assert variables["AZUREML_ENTRY_SCRIPT"] == "onlinescoring/score.py"
    assert variables["TEAL_MAX_CONCURRENT"] == "4"
    assert variables["PATH"] == "/env/bin:/bin"
    assert variables["HOME"] == "/data/instances/blue-1"


def test_users_variables_win_over_defaults_but_not_over_where_things_are() -> None:
    variables = build(
        build_spec(InstanceSize(2, 1), OMP_NUM_THREADS="7", SCORING_TIMEOUT_MS="9", AML_APP_ROOT="/x", MINE="1")
    )
    assert (variables["OMP_NUM_THREADS"], variables["SCORING_TIMEOUT_MS"], variables["MINE"]) == ("7", "9", "1")
    assert variables["AML_APP_ROOT"] == "/data/instances/blue-1/app"


@pytest.mark.parametrize(("cpus", "threads"), [(1, "1"), (2, "2"), (64, "2")])
def test_threads_follow_the_size_within_the_machine(cpus: int, threads: str) -> None:
    variables = build(build_spec(InstanceSize(cpus, 1)))
    assert {variables["OMP_NUM_THREADS"], variables["OPENBLAS_NUM_THREADS"], variables["MKL_NUM_THREADS"]} == {threads}


def test_without_a_size_threads_are_left_to_the_libraries() -> None:
    assert "OMP_NUM_THREADS" not in build(build_spec())


def test_of_the_servers_variables_only_a_short_list_passes() -> None:
    variables = build(build_spec(), TEAL_TOKEN="t", HTTPS_PROXY="p", HOME="/root", LANG="C", LC_TIME="C", TZ="UTC")
    assert {"TEAL_TOKEN", "HTTPS_PROXY"} & variables.keys() == set()
    assert (variables["LANG"], variables["LC_TIME"], variables["TZ"]) == ("C", "C", "UTC")
    assert variables["HOME"] != "/root"


def test_the_working_folder_never_comes_first_on_the_path() -> None:
    new = build_scoring_command(build_environment("3.11.7"), build_spec(), Path("/model"), 80)
    old = build_scoring_command(build_environment("3.10.13"), build_spec(), Path("/model"), 80)
    assert new[:4] == ["/env/bin/python", "-P", "-m", "teal_scoring"]
    assert old[1] == "-c"
    assert new[4:] == old[3:]
    assert "--model_dir" not in build_scoring_command(build_environment(), build_spec(), None, 80)


def test_ports_of_living_instances_are_not_given_again() -> None:
    first = find_free_port(set())
    assert find_free_port({first}) != first
