"""Environments built by a real uv from tiny wheels of our own: cached, shared, whole or not there."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from teal.compute import environments as module
from teal.compute.environment_plans import EnvironmentFailed
from teal.compute.environments import BuildListener, BuiltEnvironment, Environments
from teal.compute.interpreters import PythonMode
from teal.compute.uv import run_uv
from teal.domain.failures import Failure
from teal.domain.instances import EnvironmentDefinition
from tests.harness.waiting import wait_until
from tests.harness.wheels import build_wheel


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    build_wheel(folder, "toy-model", "1.0")
    build_wheel(folder, "toy-model", "2.0", requires=["toy-maths>=1"])
    build_wheel(folder, "toy-maths", "1.0")
    build_wheel(folder, "setuptools", "81.0")
    build_wheel(folder, "azureml-defaults", "1.53.0", requires=["not-for-this-python==1"])
    return folder


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    folder = tmp_path / "scoring"
    folder.mkdir()
    return build_wheel(folder, "teal-scoring", "0")


class Builder:
    """Environments over one folder, and what was heard of every build."""

    def __init__(self, tmp_path: Path, wheel: Path, python_mode: PythonMode = "nearest") -> None:
        self.folder = tmp_path / "environments"
        self.environments = Environments(self.folder, scoring_wheel=wheel, python_mode=python_mode)
        self.lines: list[str] = []
        self.words: list[str] = []

    async def build(self, definition: EnvironmentDefinition) -> BuiltEnvironment:
        return await self.environments.build(definition, BuildListener(self.words.append, self.lines.append))

    async def fail(self, definition: EnvironmentDefinition) -> tuple[Failure, bool]:
        with pytest.raises(EnvironmentFailed) as refused:
            await self.build(definition)
        return refused.value.failure, refused.value.permanent


@pytest.fixture
async def builder(tmp_path: Path, wheel: Path) -> Builder:
    builder = Builder(tmp_path, wheel)
    await builder.environments.open()
    return builder


def define(wheels: Path, *packages: str, conda: str = "", index: str = "--no-index") -> EnvironmentDefinition:
    lines = [index, f"--find-links {wheels}", *packages]
    text = f"dependencies:\n{conda}- pip:\n" + "".join(f"  - {line}\n" for line in lines)
    return EnvironmentDefinition(label="toy:1", conda_file=text)


def list_packages(built: BuiltEnvironment) -> list[str]:
    code = "import importlib.metadata as m; print(*sorted(d.name + '=' + d.version for d in m.distributions()))"
    done = subprocess.run([built.python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


async def test_packages_and_the_scoring_server_are_installed_in_one_resolve(builder: Builder, wheels: Path) -> None:
    built = await builder.build(define(wheels, "toy-model"))
    assert list_packages(built) == ["setuptools=81.0", "teal-scoring=0", "toy-maths=1.0", "toy-model=2.0"]
    assert any(line.startswith("Resolved") for line in builder.lines)
    assert "resolving packages" in builder.words
    record = json.loads((built.python.parents[1] / "environment.json").read_text())
    assert "toy-model==2.0" in record["packages"]


async def test_the_second_build_of_the_same_content_does_not_run_uv(
    builder: Builder, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await builder.build(define(wheels, "toy-model", "toy-maths"))

    async def refuse(*_: object, **__: object) -> None:
        raise AssertionError("uv was run")

    monkeypatch.setattr(module, "run_uv", refuse)
    assert await builder.build(define(wheels, "toy-maths", "toy-model")) == first
    assert builder.lines[-1].endswith("already built")


async def test_concurrent_requests_build_once(builder: Builder, wheels: Path) -> None:
    await builder.build(define(wheels, "toy-maths"))  # so that all four know the interpreters, and ask at once
    builder.lines.clear()
    builds = await asyncio.gather(*(builder.build(define(wheels, "toy-model")) for _ in range(4)))
    assert len(set(builds)) == 1
    assert len({line for line in builder.lines if line.startswith("building environment")}) == 1
    heard = [line for line in builder.lines if line.startswith("Resolved")]
    assert len(heard) == 4  # one run of uv, heard by all four


async def test_two_servers_do_not_build_over_each_other(
    builder: Builder, tmp_path: Path, wheel: Path, wheels: Path
) -> None:
    other = Builder(tmp_path, wheel)
    built, same = await asyncio.gather(
        builder.build(define(wheels, "toy-model")), other.build(define(wheels, "toy-model"))
    )
    assert built == same
    assert [line for line in [*builder.lines, *other.lines] if line.startswith("Resolved")] != []


async def test_an_interrupted_build_leaves_nothing_that_looks_built(
    builder: Builder, tmp_path: Path, wheel: Path, wheels: Path
) -> None:
    task = asyncio.create_task(builder.build(define(wheels, "toy-model")))
    await wait_until(lambda: list(builder.folder.glob("*.building")))
    await builder.environments.close()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [path for path in builder.folder.iterdir() if path.is_dir()] == []
    later = Builder(tmp_path, wheel)
    await later.build(define(wheels, "toy-model"))


async def test_leftovers_are_cleared_at_open_unless_somebody_still_builds(
    builder: Builder, tmp_path: Path, wheel: Path
) -> None:
    dead, living = builder.folder / "dead.building", builder.folder / "living.building"
    dead.mkdir()
    living.mkdir()
    held = module._try_lock(builder.folder / "living.lock")
    assert held is not None
    uv = asyncio.create_task(
        run_uv(["--version"], variables={}, on_line=lambda _: None, held_fd=held)  # uv itself holds the lock as well
    )
    await Builder(tmp_path, wheel).environments.open()
    assert (dead.exists(), living.exists()) == (False, True)
    await uv


async def test_who_stops_waiting_does_not_end_the_build_for_others(builder: Builder, wheels: Path) -> None:
    first = asyncio.create_task(builder.build(define(wheels, "toy-model")))
    second = asyncio.create_task(builder.build(define(wheels, "toy-model")))
    await wait_until(lambda: builder.words)
    first.cancel()
    assert (await second).python.exists()


async def test_an_environment_whose_interpreter_is_gone_is_built_again(builder: Builder, wheels: Path) -> None:
    built = await builder.build(define(wheels, "toy-model"))
    (built.python.parent / "python").unlink()
    again = await builder.build(define(wheels, "toy-model"))
    assert again.python.exists()


async def test_an_unsatisfiable_requirement_is_explained_in_uvs_words(builder: Builder, wheels: Path) -> None:
    failure, permanent = await builder.fail(define(wheels, "toy-model==3"))
    assert (failure.code, permanent) == ("EnvironmentBuildFailed", True)
    assert "toy-model==3" in failure.message
    assert failure.hint
    assert [path for path in builder.folder.iterdir() if path.is_dir()] == []


async def test_unknown_conda_packages_are_named_all_at_once(builder: Builder, wheels: Path) -> None:
    definition = define(wheels, "toy-model", conda="- no-such-package-1\n- toy-maths\n- no-such-package-2=1.0\n")
    failure, permanent = await builder.fail(definition)
    assert (failure.code, permanent) == ("EnvironmentPackageUnknown", True)
    assert "no-such-package-1, no-such-package-2" in failure.message


async def test_the_reference_server_is_left_out_where_it_cannot_be_installed(builder: Builder, wheels: Path) -> None:
    built = await builder.build(define(wheels, "toy-model", "azureml-defaults==1.53.0"))
    assert any("azureml-defaults==1.53.0 cannot be installed" in note for note in built.notes)
    assert not any(name.startswith("azureml") for name in list_packages(built))
    assert await builder.build(define(wheels, "toy-model", "azureml-defaults==1.53.0")) == built


async def test_a_python_that_is_not_there_is_noted_or_refused(
    builder: Builder, tmp_path: Path, wheel: Path, wheels: Path
) -> None:
    definition = define(wheels, "toy-model", conda="- python=3.9\n")
    built = await builder.build(definition)
    assert f"python=3.9 is asked; Python {built.python_version} is used" in built.notes
    failure, permanent = await Builder(tmp_path, wheel, "exact").fail(definition)
    assert (failure.code, permanent) == ("EnvironmentPythonNotFound", True)


async def test_no_network_is_told_and_may_pass(builder: Builder, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(wheels.parent / "cache"))
    nowhere = "http://127.0.0.1:9/simple"
    definition = define(wheels, "toy-model", "not-downloaded", index=f"--index-url {nowhere}")
    failure, permanent = await builder.fail(definition)
    assert (failure.code, permanent) == ("EnvironmentIndexUnreachable", False)
    assert "UV_DEFAULT_INDEX" in (failure.hint or "")


@pytest.mark.parametrize(
    ("definition", "code"),
    [
        (EnvironmentDefinition(label="e:1", image="nvcr.io/nvidia/tritonserver"), "EnvironmentNeedsContainers"),
        (EnvironmentDefinition(label="sklearn-1.5:1", has_dockerfile=True), "EnvironmentNeedsContainers"),
        (EnvironmentDefinition(label="e:1", conda_file="- not: one"), "EnvironmentDefinitionInvalid"),
        (EnvironmentDefinition(label="e:1", conda_file="dependencies: [r-base]"), "EnvironmentPackageUnknown"),
    ],
)
async def test_what_a_process_cannot_have_is_refused_before_anything_is_built(
    builder: Builder, definition: EnvironmentDefinition, code: str
) -> None:
    failure, permanent = await builder.fail(definition)
    assert (failure.code, permanent) == (code, True)


async def test_an_image_beside_a_conda_file_is_noted(builder: Builder, wheels: Path) -> None:
    definition = EnvironmentDefinition(
        label="toy:1", image="mcr.microsoft.com/base", conda_file=define(wheels, "toy-model").conda_file
    )
    assert any("mcr.microsoft.com/base is not used" in note for note in (await builder.build(definition)).notes)


async def test_a_missing_scoring_wheel_is_a_broken_installation(
    builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder.environments, "_scoring_wheel", None)
    monkeypatch.setattr(module, "__file__", str(builder.folder / "environments.py"))
    failure, _ = await builder.fail(EnvironmentDefinition(label="empty:1"))
    assert failure.code == "ScoringWheelMissing"


def define_model(wheels: Path, *packages: str) -> EnvironmentDefinition:
    lines = "\n".join(["--no-index", f"--find-links {wheels}", *packages])
    files = {"MLmodel": "flavors: {python_function: {}}", "requirements.txt": lines}
    return EnvironmentDefinition(label="of model toy:1", model_files=files)


async def test_a_models_files_make_its_environment(builder: Builder, wheels: Path) -> None:
    build_wheel(wheels, "mlflow", "3.1.0")
    built = await builder.build(define_model(wheels, "mlflow", "toy-model"))
    assert {"mlflow=3.1.0", "toy-model=2.0", "setuptools=81.0"} <= set(list_packages(built))


async def test_lines_of_the_data_directory_limit_and_override_models(tmp_path: Path, wheel: Path, wheels: Path) -> None:
    build_wheel(wheels, "mlflow", "3.1.0", requires=["toy-model==2.0", "not-there"])
    constraints, overrides = tmp_path / "constraints.txt", tmp_path / "overrides.txt"
    overrides.write_text("# nobody has it\nnot-there; python_version < '3'\ntoy-model\n")
    builder = Builder(tmp_path, wheel)
    builder.environments = Environments(
        builder.folder, scoring_wheel=wheel, model_constraints=constraints, model_overrides=overrides
    )
    await builder.environments.open()
    first = await builder.build(define_model(wheels, "mlflow"))
    assert "toy-model=2.0" in list_packages(first)
    constraints.write_text("toy-model<2\n")
    second = await builder.build(define_model(wheels, "mlflow"))
    assert "toy-model=1.0" in list_packages(second)
    assert first.python != second.python


async def test_a_models_requirements_that_do_not_resolve_are_named(builder: Builder, wheels: Path) -> None:
    build_wheel(wheels, "mlflow", "3.1.0")
    failure, permanent = await builder.fail(define_model(wheels, "mlflow", "toy-model>=7"))
    assert (failure.code, permanent) == ("EnvironmentBuildFailed", True)
    assert "Environment of model toy:1 cannot be built" in failure.message
    assert "toy-model" in failure.message
    assert "the model's requirements.txt" in (failure.hint or "")


async def test_a_folder_that_is_no_model_fails_in_a_sentence(builder: Builder) -> None:
    failure, permanent = await builder.fail(EnvironmentDefinition(label="of model toy:1", model_files={}))
    assert (failure.code, permanent) == ("MlflowModelInvalid", True)
    assert failure.message == "The model toy:1 cannot be served. The model's folder has no MLmodel."
