"""What the documents promise: every command they show exists with its flags, and every link leads somewhere."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from teal.cli.commands import BY_NAME
from teal.cli.main import run

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)[^)]*\)")
FLAG = re.compile(r"--?[a-z-]+")
SHELL_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(document: Path) -> None:
    dead = [target for target in LINK.findall(document.read_text()) if not (document.parent / target).exists()]
    assert not dead


def test_every_command_in_the_documents_exists() -> None:
    unknown = {" ".join(words) for _, words in shown_commands() if command_name(words) is None}
    assert not unknown


def test_every_flag_in_the_documents_is_in_the_help_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    flags: dict[str, set[str]] = {}
    for _, words in shown_commands():
        flags.setdefault(command_name(words) or "", set()).update(word for word in words if FLAG.fullmatch(word))
    for name, shown in flags.items():
        run([*name.split(), "--help"])
        offered = set(capsys.readouterr().out.split())
        assert shown <= offered, name


def test_the_documents_show_whole_rollouts() -> None:
    shown = {command_name(words) for _, words in shown_commands()}
    assert shown >= {"up", "down", "model create", "online-endpoint create", "online-deployment create"}


# --- private


def shown_commands() -> Iterator[tuple[Path, list[str]]]:
    for document in DOCUMENTS:
        for block in SHELL_BLOCK.findall(document.read_text()):
            for command in re.findall(r"(?:^|\$\()teal ([^\n)]*)", block, re.MULTILINE):
                yield document, shlex.split(command, comments=True)


def command_name(words: list[str]) -> str | None:
    """The longest run of leading words that names a command; `ml` may stand in front, as after `az`."""
    words = words[1:] if words[:1] == ["ml"] else words
    return next((name for length in (2, 1) if (name := " ".join(words[:length])) in BY_NAME), None)
