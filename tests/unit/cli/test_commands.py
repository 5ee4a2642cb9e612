"""The command table as a whole: every command has help with an example, and none of it needs the heavy libraries."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from teal.cli.commands import COMMANDS, GROUPS
from tests.unit.cli.conftest import Teal


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_help_with_an_example(teal: Teal, command) -> None:  # type: ignore[no-untyped-def]
    said = teal(*command.name.split(), "--help")
    assert said.status == 0
    assert command.examples
    for name, text in command.examples:
        assert name in said.out
        assert "teal " in text
    assert command.summary.rstrip(".") in " ".join(said.out.split())
    module, _, handler = command.handler.partition(":")
    assert callable(getattr(importlib.import_module(f"teal.cli.{module}"), handler))


@pytest.mark.parametrize("group", [group for group in GROUPS if group])
def test_every_group_lists_its_commands(teal: Teal, group: str) -> None:
    said = teal(*group.split(), "--help")
    for command in COMMANDS:
        if command.name.rpartition(" ")[0] == group:
            assert command.name.rpartition(" ")[2] in said.out
            assert command.summary.rstrip(".") in said.out


def test_ml_in_front_changes_nothing(teal: Teal) -> None:
    assert teal("ml", "online-endpoint", "--help").out == teal("online-endpoint", "--help").out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["online-endpoint", "shw"], "'shw' is not in the 'teal online-endpoint' command group"),
        (["online-endpoint", "show"], "the following arguments are required: --name/-n"),
        (["online-endpoint", "show", "-n", "e", "--colour"], "unrecognized arguments: --colour"),
        (["online-endpoint", "show", "-n", "e", "-o", "xml"], "'xml' is not a valid value for '--output/-o'"),
        (["online-deployment", "get-logs", "-n", "b", "-e", "e", "-l", "many"], "invalid int value"),
        (["online-endpoint", "show", "-n", "e", "--query", "a["], "--query"),
    ],
)
def test_wrong_usage_ends_with_status_two(teal: Teal, words: list[str], says: str) -> None:
    said = teal(*words)
    assert said.status == 2
    assert says in said.err
    assert said.out == ""


def test_a_command_nobody_knows_suggests_one(teal: Teal) -> None:
    assert "show" in teal("online-endpoint", "shwo").err


def test_help_loads_nothing_heavy_and_writes_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from teal.cli.main import run; run(['--help'])\n"
        "print([m for m in ('httpx', 'yaml', 'rich', 'jmespath', 'pygments', 'sqlalchemy', 'grpc', 'teal.server')"
        " if m in sys.modules])"
    )
    environ = {**os.environ, "HOME": str(tmp_path), "TEAL_CONFIG_DIR": str(tmp_path / "config")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ)
    assert done.stdout.splitlines()[-1] == "[]"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["version"], ["completion"], ["online-endpoint", "--help"]])
def test_a_reader_that_has_gone_is_nobodys_failure(words: list[str]) -> None:
    command = [sys.executable, "-m", "teal.cli.main", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() in (0, 1)


def test_every_command_is_documented() -> None:
    written = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
    for command in COMMANDS:
        assert f"| `teal {command.name}` |" in written, command.name


def test_a_flag_nobody_knows_is_said_with_the_command_and_what_may_be_meant(teal: Teal) -> None:
    said = teal("ml", "online-endpoint", "show", "-n", "e", "--quary", "name")
    assert (said.status, said.err) == (
        2,
        "ERROR: unrecognized arguments: --quary name. Is --query meant?\nSee 'teal online-endpoint show --help'.\n",
    )
    assert teal("version", "x").err == "ERROR: unrecognized arguments: x.\nSee 'teal version --help'.\n"
