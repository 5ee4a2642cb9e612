"""What an environment definition comes to on this machine: interpreter, requirements, cache key, or why it cannot be.

Called by compute/environments.py. Pure: everything observed comes in as an argument.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.version import Version

from teal.compute.conda import CondaFileInvalid, CondaPackagesUnknown, Requirements, parse_conda_file
from teal.compute.curated import find_curated_conda_file
from teal.compute.interpreters import SCORING_FLOOR, Interpreter, InterpreterChoice
from teal.compute.model_environments import ModelFolderInvalid, parse_model_files
from teal.compute.unsaid_limits import add_unsaid_limits
from teal.compute.uv import UvRefusal, assess_refusal, format_refusal, trim_output
from teal.domain.failures import Failure
from teal.domain.instances import EnvironmentDefinition


class EnvironmentFailed(Exception):
    """An environment cannot be had. `permanent`: nor will it be by asking again."""

    def __init__(self, failure: Failure, *, permanent: bool) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.permanent = permanent


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentPlan:
    """An environment to be built, or found under its `key`. `notes` say where it differs from what was asked for."""

    label: str
    key: str
    choice: InterpreterChoice
    requirements: Requirements
    notes: tuple[str, ...]
    scoring_wheel: Path
    source: str = "the conda_file"
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedDefinition:
    """What to install, notes on what of the definition has no meaning for a process (design §6), and which file says
    so."""

    requirements: Requirements
    notes: tuple[str, ...] = ()
    source: str = "the conda_file"


def parse_definition(definition: EnvironmentDefinition) -> ParsedDefinition:
    """Raises EnvironmentFailed."""
    if definition.model_files is not None:
        return _parse_model(definition, definition.model_files)
    notes: tuple[str, ...] = ()
    conda_file = definition.conda_file
    if conda_file is None and (definition.image or definition.has_dockerfile):
        conda_file = None if definition.has_dockerfile else find_curated_conda_file(definition)
        if conda_file is None:
            raise _build_containers_failure(definition)
        notes = (f"a definition of Teal's own stands for {definition.image or definition.label}",)
    elif conda_file is not None and definition.image:
        notes = (f"instances are processes here: image {definition.image} is not used, only the conda_file is",)
    try:
        found = parse_conda_file(conda_file) if conda_file else Requirements()
        return ParsedDefinition(add_unsaid_limits(found), notes)
    except CondaPackagesUnknown as error:
        raise build_unknown_failure(definition.label, error.names) from None
    except CondaFileInvalid as error:
        raise EnvironmentFailed(
            Failure(
                code="EnvironmentDefinitionInvalid",
                message=f"The conda_file of environment {definition.label} cannot be used. {error}",
                hint="docs/environments.md says which parts of a conda_file are understood.",
            ),
            permanent=True,
        ) from None


def build_plan(
    definition: EnvironmentDefinition,
    parsed: ParsedDefinition,
    choice: InterpreterChoice,
    *,
    overrides: tuple[str, ...] = (),
    scoring_wheel: Path,
    scoring_wheel_hash: str,
    machine: str,
) -> EnvironmentPlan:
    """The plan for a definition whose interpreter has been chosen."""
    requirements, notes = parsed.requirements, parsed.notes
    version = choice.interpreter.version
    if not choice.as_asked:
        notes += (f"{_format_pin(requirements)} is asked; Python {version} is used",)
    if (definition.conda_file or definition.model_files) and version < _CONDA_WITHOUT_SETUPTOOLS:
        requirements = _add_setuptools(requirements)
    parts = [str(version), machine, scoring_wheel_hash]
    parts += [*sorted(requirements.packages), *requirements.options, *requirements.flags]
    parts += [f"constraint {line}" for line in sorted(requirements.constraints)]
    parts += [f"override {line}" for line in sorted(overrides)]
    return EnvironmentPlan(
        label=definition.label,
        key=hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20],
        choice=choice,
        requirements=requirements,
        notes=notes + requirements.notes,
        scoring_wheel=scoring_wheel,
        source=parsed.source,
        overrides=overrides,
    )


def build_python_failure(label: str, requirements: Requirements, found: tuple[Interpreter, ...]) -> EnvironmentFailed:
    """No interpreter for the pin, and the nearest one is not wanted."""
    versions = ", ".join(str(one.version) for one in found) or "none"
    return EnvironmentFailed(
        Failure(
            code="EnvironmentPythonNotFound",
            message=f"Environment {label} asks for {_format_pin(requirements)}, and no such interpreter was found. "
            f"Found: {versions}.",
            hint=f"Install it (Python {SCORING_FLOOR} or newer), change the pin, or allow the nearest version.",
        ),
        permanent=True,
    )


def build_unknown_failure(label: str, names: tuple[str, ...]) -> EnvironmentFailed:
    """Conda packages that have no twin on PyPI, all of them at once."""
    return EnvironmentFailed(
        Failure(
            code="EnvironmentPackageUnknown",
            message=f"Environment {label} asks for conda packages that are not on PyPI: {', '.join(names)}.",
            hint="Remove them, or name their PyPI packages in the pip part of the conda_file.",
        ),
        permanent=True,
    )


def build_uv_failure(plan: EnvironmentPlan, output: str) -> EnvironmentFailed:
    """uv's refusal in our words, with its own explanation as evidence."""
    refusal = assess_refusal(output)
    python = f"Python {plan.choice.interpreter.version}"
    code, permanent = "EnvironmentBuildFailed", True
    message = f"Environment {plan.label} cannot be built with {python}: {format_refusal(output)}"
    hint = f"Change the versions in {plan.source} so that they exist together for this Python."
    if refusal is UvRefusal.INDEX_UNREACHABLE:
        code, permanent = "EnvironmentIndexUnreachable", False
        message = (
            f"Environment {plan.label} cannot be built: the package index cannot be reached. {format_refusal(output)}"
        )
        hint = (
            "Check the network and proxies, or name an index in UV_DEFAULT_INDEX (or pip's index-url) for the server."
        )
    elif refusal is UvRefusal.DISK_FULL:
        code, permanent = "DiskFull", False
        message = f"Environment {plan.label} cannot be built: the disk is full."
        hint = "Free some space; `uv cache prune` clears downloads that nothing uses."
    elif not plan.choice.as_asked:
        hint = (
            f"{_format_pin(plan.requirements)} is asked, and {python} is used because no such interpreter was found "
            f"({SCORING_FLOOR} is the oldest that will do). Install one, or ask for versions that exist for {python}."
        )
    return EnvironmentFailed(
        Failure(code=code, message=message, hint=hint, log_tail=trim_output(output)), permanent=permanent
    )


# --- private

_CONDA_WITHOUT_SETUPTOOLS = Version("3.12")


def _parse_model(definition: EnvironmentDefinition, files: Mapping[str, str]) -> ParsedDefinition:
    try:
        parsed = parse_model_files(files)
    except CondaPackagesUnknown as error:
        raise build_unknown_failure(definition.label, error.names) from None
    except ModelFolderInvalid as error:
        raise EnvironmentFailed(
            Failure(
                code="MlflowModelInvalid",
                message=f"The {definition.label.removeprefix('of ')} cannot be served. {error}",
                hint="Save the model again with mlflow, and register the whole folder.",
            ),
            permanent=True,
        ) from None
    except CondaFileInvalid as error:
        raise EnvironmentFailed(
            Failure(
                code="EnvironmentDefinitionInvalid",
                message=f"The environment {definition.label} cannot be made from the model's files. {error}",
                hint="docs/mlflow-models.md says how the environment of a model is found.",
            ),
            permanent=True,
        ) from None
    return ParsedDefinition(parsed.requirements, source=parsed.source)


def _add_setuptools(requirements: Requirements) -> Requirements:
    """A conda Python before 3.12 always brings setuptools, and old packages import its pkg_resources (gone in 82)."""
    if "setuptools" in requirements.names:
        return requirements
    return replace(requirements, packages=(*requirements.packages, "setuptools<82"))


def _format_pin(requirements: Requirements) -> str:
    text = str(requirements.python or "")
    return f"python={text.removeprefix('==').removesuffix('.*')}" if text.startswith("==") else f"python{text}"


def _build_containers_failure(definition: EnvironmentDefinition) -> EnvironmentFailed:
    what = "a Dockerfile" if definition.has_dockerfile else f"the image {definition.image} alone"
    return EnvironmentFailed(
        Failure(
            code="EnvironmentNeedsContainers",
            message=f"Environment {definition.label} is {what}, and instances are processes here, not containers.",
            hint="Give the environment a conda_file with the packages of the image; the image is then not needed.",
        ),
        permanent=True,
    )
