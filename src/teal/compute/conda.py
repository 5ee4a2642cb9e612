"""Read a conda_file into requirements that pip understands (design D5); called by compute/environments.py. Pure.

The version grammar is conda's match specification: `=1.2` is a prefix, `==1.2` exact, a third part is the build string.
"""

import re
import shlex
from dataclasses import dataclass

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from teal.compute.conda_names import PYPI_TWINS, is_not_python, is_system_library
from teal.compute.foreign_yaml import load_foreign_yaml


class CondaFileInvalid(ValueError):
    """The conda_file is not one; the text says which line and why."""


class CondaPackagesUnknown(ValueError):
    """Packages that exist for conda only, all of them at once."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(", ".join(names))
        self.names = names


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What to install. `python` limits the interpreter; `from_conda` pairs each guessed PyPI name with its conda name.

    `options` are lines for a requirements file (indexes), `flags` arguments for the installer. `constraints` limit
    versions of what is installed anyway.
    """

    python: SpecifierSet | None = None
    packages: tuple[str, ...] = ()
    from_conda: tuple[tuple[str, str], ...] = ()
    options: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The normalised names of all packages; a line that names none (a URL) is left out."""
        return frozenset(name for line in self.packages if (name := parse_requirement_name(line)))


def parse_conda_file(text: str) -> Requirements:
    """The requirements in a conda_file. Raises CondaFileInvalid, or CondaPackagesUnknown."""
    conda_specs, pip_lines = _split_dependencies(text)
    python: SpecifierSet | None = None
    packages: list[str] = []
    from_conda: list[tuple[str, str]] = []
    skipped: list[str] = []
    unknown: list[str] = []
    for spec in conda_specs:
        name, _ = _split_spec(spec)
        if is_not_python(name):
            unknown.append(name)
            continue
        if is_system_library(name):
            skipped.append(name)
            continue
        _, version = parse_match_spec(spec)
        if name == "python":
            python = SpecifierSet(version)
        else:
            twin = PYPI_TWINS.get(name, name)
            packages.append(twin + version)
            from_conda.append((canonicalize_name(twin), name))
    if unknown:
        raise CondaPackagesUnknown(tuple(unknown))
    options, flags, pip_packages = _parse_pip_lines(pip_lines)
    notes = (f"system libraries of the conda_file are left to the machine: {', '.join(skipped)}",) if skipped else ()
    return Requirements(
        python=python,
        packages=tuple(packages) + pip_packages,
        from_conda=tuple(from_conda),
        options=options,
        flags=flags,
        notes=notes,
    )


def parse_pip_requirements(lines: list[str]) -> Requirements:
    """The same for the lines of a requirements.txt. Raises CondaFileInvalid."""
    options, flags, packages = _parse_pip_lines(lines)
    return Requirements(packages=packages, options=options, flags=flags)


def list_conda_names(text: str) -> tuple[str, ...]:
    """The names in the conda part of a conda_file. Raises CondaFileInvalid."""
    return tuple(_split_spec(spec)[0] for spec in _split_dependencies(text)[0])


def parse_match_spec(spec: str) -> tuple[str, str]:
    """A conda match specification as (lower-case conda name, PEP 440 version specifier). The build is dropped."""
    name, version = _split_spec(spec)
    if "|" in version:
        raise CondaFileInvalid(f"'{spec}': alternatives ('|') cannot be expressed for PyPI. Name one version or range.")
    clauses = [_build_clause(clause.strip(), spec) for clause in version.split(",") if clause.strip()]
    specifier = ",".join(clause for clause in clauses if clause)
    try:
        SpecifierSet(specifier)
    except InvalidSpecifier:
        raise CondaFileInvalid(f"'{spec}': '{version}' is not a version that PyPI knows.") from None
    return name, specifier


def parse_requirement_name(line: str) -> str | None:
    """The normalised name of a requirement line, None when the line has none (a bare URL)."""
    try:
        return canonicalize_name(Requirement(line).name)
    except InvalidRequirement:
        return None


# --- private

# Options of pip that may stand in the pip part: as a line of a requirements file, or as an argument of the installer.
_FILE_OPTIONS = {"-i": "--index-url", "--index-url": "--index-url", "--extra-index-url": "--extra-index-url"} | {
    "-f": "--find-links",
    "--find-links": "--find-links",
    "--only-binary": "--only-binary",
    "--no-binary": "--no-binary",
}
_FLAGS = {"--pre": "--prerelease=allow", "--no-index": "--no-index"}
_FLAGS_WITH_VALUE = {"--trusted-host": "--allow-insecure-host"}
_NO_MEANING = {"--prefer-binary", "--no-cache-dir", "--upgrade", "-U", "--no-warn-script-location"}


_SHOWN = 200


def _split_dependencies(text: str) -> tuple[list[str], list[str]]:
    try:
        content = load_foreign_yaml(text)
    except yaml.YAMLError as error:
        raise CondaFileInvalid(f"It is not YAML: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("dependencies") or [], list):
        raise CondaFileInvalid("It has no list named 'dependencies'.")
    conda_specs: list[str] = []
    pip_lines: list[str] = []
    for entry in content.get("dependencies") or []:
        if isinstance(entry, str):
            conda_specs.append(entry)
        elif isinstance(entry, dict) and set(entry) == {"pip"} and isinstance(entry["pip"] or [], list):
            pip_lines += [str(line) for line in entry["pip"] or []]
        else:
            raise CondaFileInvalid(
                f"The dependency {repr(entry)[:_SHOWN]} is neither a package nor a list named 'pip'."
            )
    return conda_specs, pip_lines


def _split_spec(spec: str) -> tuple[str, str]:
    """(lower-case name, version in conda's grammar): the versions of system libraries are never looked at."""
    text, bracket_version = _take_bracket(spec.strip().rpartition("::")[2], spec)
    match = re.fullmatch(r"([A-Za-z0-9_.\-]+)\s*(.*)", text)
    if match is None:
        raise CondaFileInvalid(f"'{spec}' is not a conda package specification.")
    return match[1].lower(), bracket_version.strip() if bracket_version else _drop_build(match[2].strip())


def _take_bracket(text: str, spec: str) -> tuple[str, str | None]:
    """Split off `[version='>=1',build=…]`; only the version of it has a meaning on PyPI."""
    if not text.endswith("]"):
        return text, None
    head, _, inside = text[:-1].partition("[")
    found = re.search(r"version\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|([^,\s]+))", inside)
    if "=" in inside and found is None and "version" in inside:
        raise CondaFileInvalid(f"'{spec}' is not a conda package specification.")
    return head, next((group for group in found.groups() if group), None) if found else None


def _drop_build(text: str) -> str:
    """`=1.2=py39_0` and `1.2 py39_0` -> the version part; "1.2" after a blank is exact, as conda reads it."""
    text = re.sub(r"\s*([<>=!~,|]+)\s*", r"\1", text)
    version, _, _build = text.partition(" ")
    exact = re.fullmatch(r"={1,2}([^=<>!~,|]+)=([^=,]+)", version)
    if exact:
        return "==" + exact[1]
    if version and version[0] not in "<>=!~*":
        return "==" + version
    return version


def _build_clause(clause: str, spec: str) -> str:
    match = re.fullmatch(r"(==|=|!=|>=|<=|~=|>|<)?\s*([^\s=<>!~]+)", clause)
    if match is None:
        raise CondaFileInvalid(f"'{spec}': '{clause}' is not a version.")
    operator, version = match[1] or "==", match[2]
    prefix = version.endswith("*")
    version = version.rstrip("*").rstrip(".")
    if not version:
        return ""
    if operator in {">=", "<=", ">", "<", "~="}:
        return operator + version
    if operator == "!=":
        return f"!={version}.*" if prefix else f"!={version}"
    if prefix or operator == "=":
        # PEP 440 has prefixes of plain releases only: 2021a or 1.0rc1 are matched as they are.
        return f"=={version}.*" if re.fullmatch(r"[0-9.]+", version) else f"=={version}"
    return f"=={version}"


def _parse_pip_lines(lines: list[str]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    options: list[str] = []
    flags: list[str] = []
    packages: list[str] = []
    for raw in lines:
        line = re.sub(r"(^|\s)#.*$", "", raw).strip()
        if not line:
            continue
        if line.startswith("-"):
            _parse_pip_option(line, options, flags)
        elif re.match(r"\.{0,2}/|file:|[^@\s]+\.(whl|zip|tar\.gz)$", line) and "://" not in line.replace("file://", ""):
            raise CondaFileInvalid(f"'{line}' is a file on the machine of whoever wrote it; name a package or a URL.")
        else:
            packages.append(line)
    return tuple(options), tuple(flags), tuple(packages)


def _parse_pip_option(line: str, options: list[str], flags: list[str]) -> None:
    words = shlex.split(line.replace("=", " ", 1) if re.match(r"--[a-z-]+=", line) else line)
    while words:
        word = words.pop(0)
        if word in _NO_MEANING:
            continue
        if word in _FLAGS:
            flags.append(_FLAGS[word])
        elif words and word in _FILE_OPTIONS:
            options.append(f"{_FILE_OPTIONS[word]} {words.pop(0)}")
        elif words and word in _FLAGS_WITH_VALUE:
            flags.append(f"{_FLAGS_WITH_VALUE[word]}={words.pop(0)}")
        elif word in {"-r", "--requirement", "-c", "--constraint", "-e", "--editable"}:
            raise CondaFileInvalid(f"'{line}' names a file outside the conda_file. Write its lines into the pip list.")
        else:
            raise CondaFileInvalid(f"The pip option '{line}' is not supported in a conda_file.")
