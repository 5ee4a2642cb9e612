"""Completing commands: the line a shell hands over, and what comes back."""

import os
import subprocess
import sys

import pytest

from teal.cli.completion import drop_ml
from tests.unit.cli.conftest import Teal


def complete(line: str) -> list[str]:
    """Asked as argcomplete's script asks; the answer comes through file descriptor 8."""
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n"}
    done = subprocess.run(
        ["sh", "-c", f'exec "{sys.executable}" -m teal.cli.main 8>&1 9>/dev/null 1>/dev/null 2>/dev/null'],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.split()


@pytest.mark.parametrize("start", ["teal", "teal ml", "az ml"])
def test_commands_and_flags_are_completed_with_and_without_ml(start: str) -> None:
    assert complete(f"{start} online-e") == ["online-endpoint"]
    assert complete(f"{start} online-endpoint update --mirr") == ["--mirror-traffic"]


def test_the_scripts_of_the_shells(teal: Teal) -> None:
    assert "complete" in teal("completion").out
    assert teal("completion").out == teal("completion", "--shell", "zsh").out
    assert "fish" in teal("completion", "--shell", "fish").out


@pytest.mark.parametrize(
    ("line", "point", "after"),
    [
        ("teal ml online", "14", ("teal online", "11")),
        ("teal   ml  x", "12", ("teal  x", "7")),
        ("teal online", "11", ("teal online", "11")),
        ("teal ml", "7", ("teal ml", "7")),
    ],
)
def test_ml_is_taken_out_of_the_line(line: str, point: str, after: tuple[str, str]) -> None:
    environ = {"COMP_LINE": line, "COMP_POINT": point}
    drop_ml(environ)
    assert (environ["COMP_LINE"], environ["COMP_POINT"]) == after
