"""The environment of an MLflow model from the files in its folder; called by compute/environment_plans.py. Pure.

MLflow writes the same packages three times: python_env.yaml with requirements.txt, and conda.yaml ("MLflow Models",
Managing Dependencies). Of these the first that says everything is taken: conda.yaml only where it has packages of conda
itself, or where there is nothing else.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from teal.compute.conda import (
    CondaFileInvalid,
    Requirements,
    list_conda_names,
    parse_conda_file,
    parse_pip_requirements,
)
from teal.compute.foreign_yaml import load_foreign_yaml
from teal.compute.unsaid_limits import add_unsaid_limits
from teal.domain.mlflow_models import find_path_outside


class ModelFolderInvalid(ValueError):
    """The folder is not an MLflow model that can be served; the text names the file."""


@dataclass(frozen=True, slots=True)
class ModelRequirements:
    """What to install. `source` names the file that says so, for those who have to change it."""

    requirements: Requirements
    source: str


def parse_model_files(files: Mapping[str, str]) -> ModelRequirements:
    """The requirements in a model's folder, given its text files by name. Raises ModelFolderInvalid, CondaFileInvalid
    or CondaPackagesUnknown."""
    mlmodel = _parse_mapping(files, "MLmodel")
    flavor = _find_flavor(mlmodel)
    if outside := find_path_outside(mlmodel):
        raise ModelFolderInvalid(f"The model's MLmodel names a path outside its folder: {outside}.")
    found = _parse_environment(files, flavor)
    requirements = _fix_python(found.requirements, flavor)
    requirements = _add_mlflow(requirements, mlmodel)
    return replace(found, requirements=add_unsaid_limits(requirements))


# --- private

_DEFAULT_NAMES = {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}
_REQUIREMENTS = "requirements.txt"
_BUILD_TOOLS = frozenset({"python", "pip", "setuptools", "wheel"})


def _parse_mapping(files: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        # As it is written: python_env.yaml of people who leave the quotes out says 3.10, and does not mean 3.1.
        content = load_foreign_yaml(files[name], as_written=name != "MLmodel")
    except KeyError:
        raise ModelFolderInvalid(f"The model's folder has no {name}.") from None
    except yaml.YAMLError as error:
        raise ModelFolderInvalid(f"The model's {name} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ModelFolderInvalid(f"The model's {name} is not a mapping.")
    return content


def _find_flavor(mlmodel: Mapping[str, Any]) -> dict[str, Any]:
    flavors = mlmodel.get("flavors")
    flavor = flavors.get("python_function") if isinstance(flavors, dict) else None
    if not isinstance(flavor, dict):
        there = ", ".join(map(str, flavors)) if isinstance(flavors, dict) and flavors else "none"
        raise ModelFolderInvalid(
            f"The model's MLmodel has no flavour 'python_function', by which it could be served; it has: {there}."
        )
    if isinstance(flavor.get("python_version"), float):
        raise ModelFolderInvalid(
            f"The model's MLmodel says python_version: {flavor['python_version']}, which mlflow cannot load: YAML takes"
            " it for a number. Write it in quotes."
        )
    return flavor


def _parse_environment(files: Mapping[str, str], flavor: Mapping[str, Any]) -> ModelRequirements:
    named = flavor.get("env")
    names = {**_DEFAULT_NAMES, **(named if isinstance(named, dict) else {"conda": named} if named else {})}
    conda, virtualenv = str(names["conda"]), str(names["virtualenv"])
    if conda in files and (
        (virtualenv not in files and _REQUIREMENTS not in files)
        or any(name not in _BUILD_TOOLS for name in list_conda_names(files[conda]))
    ):
        return ModelRequirements(parse_conda_file(files[conda]), f"the model's {conda}")
    python: SpecifierSet | None = None
    lines = [f"-r {_REQUIREMENTS}"] if _REQUIREMENTS in files else []
    source = f"the model's {_REQUIREMENTS}"
    if virtualenv in files:
        content = _parse_mapping(files, virtualenv)
        python = _parse_python(content.get("python"), virtualenv)
        if isinstance(content.get("dependencies"), list):
            lines = [str(line) for line in content["dependencies"]]
        source = f"the model's {virtualenv}" if f"-r {_REQUIREMENTS}" not in lines else source
    packages, constraints = _expand(files, lines, source)
    parsed = parse_pip_requirements(packages)
    if not lines:
        parsed = replace(parsed, notes=("the model's folder says nothing of its packages: only mlflow is installed",))
    return ModelRequirements(replace(parsed, python=python, constraints=constraints), source)


def _expand(files: Mapping[str, str], lines: list[str], source: str) -> tuple[list[str], tuple[str, ...]]:
    """Lines with the files of the folder that they name put in their place: (requirements, constraints)."""
    packages: list[str] = []
    constraints: list[str] = []
    for line in lines:
        match = re.fullmatch(r"\s*(-r|--requirement|-c|--constraint)[\s=]+(\S+)\s*", line)
        if match is None:
            packages.append(line)
            continue
        name = match[2].removeprefix("./")
        if name not in files:
            raise CondaFileInvalid(f"{source} names {name}, which is not in the model's folder.")
        inner = re.sub(r"\\\n", " ", files[name]).splitlines()
        if match[1] in {"-r", "--requirement"}:
            more, others = _expand({k: v for k, v in files.items() if k != name}, inner, f"the model's {name}")
            packages += more
            constraints += others
        else:
            constraints += [one.partition(" #")[0].strip() for one in inner if re.match(r"\s*[A-Za-z0-9]", one)]
    return packages, tuple(constraints)


def _parse_python(text: Any, name: str) -> SpecifierSet | None:
    if text is None:
        return None
    try:
        return SpecifierSet(f"=={Version(str(text))}")
    except (InvalidVersion, InvalidSpecifier):
        raise ModelFolderInvalid(f"The model's {name} asks for the Python version '{text}', which is none.") from None


def _fix_python(requirements: Requirements, flavor: Mapping[str, Any]) -> Requirements:
    """MLflow writes down the very patch release that was there, and means its minor version."""
    python = requirements.python or _parse_python(flavor.get("python_version"), "MLmodel")
    exact = [one.version.removesuffix(".*") for one in python or () if one.operator == "=="]
    if exact:
        python = SpecifierSet(f"=={'.'.join(exact[0].split('.')[:2])}.*")
    return replace(requirements, python=python)


def _add_mlflow(requirements: Requirements, mlmodel: Mapping[str, Any]) -> Requirements:
    if requirements.names & {"mlflow", "mlflow-skinny"}:
        return requirements
    saved_by = re.match(r"\d+\.\d+\.\d+$", str(mlmodel.get("mlflow_version", "")))
    wanted = f"mlflow=={saved_by[0]}" if saved_by else "mlflow"
    return replace(
        requirements,
        packages=(*requirements.packages, wanted),
        notes=(*requirements.notes, f"{wanted} is added, which the model's files do not name and which loads it"),
    )
