"""docs/cli-reference.md is what `--help` prints."""

from scripts.cli_reference import REFERENCE, build_reference
from teal.cli.commands import COMMANDS
from tests.unit.cli.conftest import Teal


def test_the_reference_is_what_help_prints(teal: Teal) -> None:
    assert REFERENCE.read_text(encoding="utf-8") == build_reference(), "write it anew with `make reference`"


def test_every_command_stands_in_the_reference_with_its_examples() -> None:
    written = " ".join(REFERENCE.read_text(encoding="utf-8").split())
    for command in COMMANDS:
        assert f"### teal {command.name} " in written
        for _, text in command.examples:
            assert " ".join(text.split()) in written
