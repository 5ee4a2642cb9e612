"""Which Python an environment gets."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from teal.compute.interpreters import (
    Interpreter,
    InterpreterNotFound,
    PythonMode,
    choose_interpreter,
    observe_interpreters,
)

FOUND = tuple(
    Interpreter(Version(version), f"/python/{version}") for version in ("3.9.18", "3.10.13", "3.11.7", "3.12.1")
)


def choose(pin: str | None, mode: PythonMode = "nearest") -> tuple[str, bool]:
    specifier = SpecifierSet(pin) if pin is not None else None
    choice = choose_interpreter(specifier, FOUND, mode=mode, preferred=Version("3.11.7"))
    return str(choice.interpreter.version), choice.as_asked


@pytest.mark.parametrize(
    ("pin", "expected"),
    [
        (None, ("3.11.7", True)),
        ("==3.10.*", ("3.10.13", True)),
        (">=3.10", ("3.11.7", True)),
        (">=3.12", ("3.12.1", True)),
        ("<3.11", ("3.10.13", True)),
        ("==3.9.*", ("3.10.13", False)),  # there is one, but teal-scoring does not run on it
        ("==3.10.4", ("3.10.13", False)),
        ("==3.14.*", ("3.12.1", False)),
        (">=3.6,<3.9", ("3.10.13", False)),
    ],
)
def test_a_pin_is_honoured_or_the_nearest_is_taken(pin: str | None, expected: tuple[str, bool]) -> None:
    assert choose(pin) == expected


def test_exact_refuses_what_is_not_there_and_names_what_is() -> None:
    assert choose("==3.10.*", "exact") == ("3.10.13", True)
    with pytest.raises(InterpreterNotFound, match=r"3\.10\.13, 3\.11\.7, 3\.12\.1"):
        choose("==3.9.*", "exact")


def test_without_any_interpreter_there_is_no_nearest() -> None:
    with pytest.raises(InterpreterNotFound):
        choose_interpreter(None, FOUND[:1], mode="nearest", preferred=Version("3.11.7"))


async def test_broken_shims_are_looked_past(tmp_path: Path) -> None:
    broken = tmp_path / "bin/python3.12"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho 'python3.12: command not found' >&2\nexit 127\n")
    broken.chmod(0o755)
    (tmp_path / "bin/python3.13").write_text("not even executable")
    found = await observe_interpreters({"PATH": f"{broken.parent}{os.pathsep}{tmp_path}/missing"}, tmp_path)
    assert Version(".".join(map(str, sys.version_info[:3]))) in {one.version for one in found}
    assert str(broken) not in {one.path for one in found}
    assert all(Path(one.path).is_absolute() for one in found)


class EndedJustNow:
    """A process that ended between its time being over and being told so, which cannot be had on demand."""

    async def communicate(self) -> None:
        raise TimeoutError

    def kill(self) -> None:
        raise ProcessLookupError

    async def wait(self) -> int:
        return 0


async def test_one_that_ends_just_when_its_time_is_over_is_looked_past(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def begin(*_: object, **__: object) -> EndedJustNow:
        return EndedJustNow()

    monkeypatch.setattr(asyncio, "create_subprocess_exec", begin)
    assert await observe_interpreters({"PATH": str(Path(sys.executable).parent)}, tmp_path) == ()


async def test_a_place_that_cannot_be_read_has_no_interpreters(tmp_path: Path) -> None:
    unreadable = "/" + "a" * 300  # also for root, whom permissions do not stop
    environ = {"PATH": f"{unreadable}{os.pathsep}{os.path.dirname(sys.executable)}", "PYENV_ROOT": unreadable}
    assert await observe_interpreters(environ, home=tmp_path)
