"""The Python interpreters of this machine and which one an environment gets (D5); called by compute/environments.py.

`uv python find` gives up at the first broken shim on the path, so candidates are collected and asked one by one.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.specifiers import SpecifierSet
from packaging.version import Version

SCORING_FLOOR = Version("3.10")
"""teal-scoring's oldest Python (design D8): an older pin counts as not found."""

PythonMode = Literal["nearest", "exact"]


@dataclass(frozen=True, slots=True, order=True)
class Interpreter:
    """A CPython that was asked for its version and answered."""

    version: Version
    path: str


@dataclass(frozen=True, slots=True)
class InterpreterChoice:
    """`as_asked` is False when the pin could not be honoured and the nearest version was taken."""

    interpreter: Interpreter
    as_asked: bool


class InterpreterNotFound(Exception):
    """No interpreter may be used for this pin; `found` are the versions there are."""

    def __init__(self, found: tuple[Interpreter, ...]) -> None:
        super().__init__(", ".join(str(one.version) for one in found))
        self.found = found


def choose_interpreter(
    pin: SpecifierSet | None, found: Iterable[Interpreter], *, mode: PythonMode, preferred: Version
) -> InterpreterChoice:
    """The interpreter for a pin. Among several that fit: the `preferred` version (the server's), else the newest."""
    usable = sorted(one for one in found if one.version >= SCORING_FLOOR)
    fitting = [one for one in usable if pin is None or pin.contains(one.version, prereleases=True)]
    if fitting:
        own = [one for one in fitting if one.version == preferred]
        return InterpreterChoice((own or fitting)[-1], as_asked=True)
    if mode == "exact" or not usable:
        raise InterpreterNotFound(tuple(usable))
    anchor = _find_anchor(pin)
    return InterpreterChoice(min(usable, key=lambda one: _measure_distance(one.version, anchor)), as_asked=False)


async def observe_interpreters(environ: Mapping[str, str], home: Path) -> tuple[Interpreter, ...]:
    """Every usable interpreter in the places where they are usually put; a broken shim is one that does not answer."""
    answers = await asyncio.gather(*(_ask(path) for path in sorted(_find_candidates(environ, home))))
    by_version = {one.version: one for one in answers if one is not None}
    return tuple(sorted(by_version.values()))


# --- private

_NAME = re.compile(r"python3?(?:\.(\d+))?")
_ASK_TIMEOUT_S = 10
_QUESTION = (
    "import sys,json,platform;"
    "print(json.dumps([platform.python_version(),platform.python_implementation(),sys.base_prefix,"
    "getattr(sys,'_base_executable',sys.executable) or sys.executable]))"
)


def _find_candidates(environ: Mapping[str, str], home: Path) -> set[str]:
    pyenv = Path(environ.get("PYENV_ROOT") or home / ".pyenv")
    managed = Path(environ.get("UV_PYTHON_INSTALL_DIR") or home / ".local/share/uv/python")
    folders = [Path(entry) for entry in environ.get("PATH", "").split(os.pathsep) if entry]
    folders += [Path(place) for place in ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")]
    for root in (pyenv / "versions", managed, home / ".asdf/installs/python", Path("/opt/python")):
        folders += _list(root, "*/bin")
    candidates = {os.path.realpath(getattr(sys, "_base_executable", sys.executable) or sys.executable)}
    for folder in folders:
        if folder.name == "shims":  # pyenv, asdf: they answer only for the version chosen there, and slowly
            continue
        for path in _list(folder, "python*"):
            match = _NAME.fullmatch(path.name)
            too_old = match is not None and match[1] is not None and int(match[1]) < SCORING_FLOOR.minor
            if match and not too_old and path.name != "python" and os.access(path, os.X_OK):
                candidates.add(os.path.realpath(path))
    return candidates


def _list(folder: Path, pattern: str) -> list[Path]:
    """What is there for this user: a folder of somebody else's, named by an inherited variable, has nothing."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


async def _ask(path: str) -> Interpreter | None:
    try:
        process = await asyncio.create_subprocess_exec(
            path,
            "-I",
            "-S",
            "-c",
            _QUESTION,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return None
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _ASK_TIMEOUT_S)
    except TimeoutError:
        with suppress(ProcessLookupError):  # it may have ended by now
            process.kill()
        await process.wait()
        return None
    if process.returncode != 0:
        return None
    try:
        version, implementation, prefix, executable = json.loads(output)
    except ValueError:
        return None
    if implementation != "CPython":
        return None
    parsed = Version(version.rstrip("+"))
    installed = Path(prefix) / "bin" / f"python{parsed.major}.{parsed.minor}"
    return Interpreter(parsed, str(installed) if installed.exists() else executable)


def _find_anchor(pin: SpecifierSet | None) -> Version:
    """The version a pin is about: the newest one it names."""
    named = [Version(clause.version.removesuffix(".*")) for clause in pin or () if clause.operator != "!="]
    return max(named, default=SCORING_FLOOR)


def _measure_distance(version: Version, anchor: Version) -> tuple[int, int, int]:
    minors = abs((version.major - anchor.major) * 100 + version.minor - anchor.minor)
    return minors, abs(version.micro - anchor.micro) if minors == 0 else 0, -version.minor * 1000 - version.micro
