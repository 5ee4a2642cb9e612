"""Every environment variable of Teal that is read anywhere is documented, and every documented one is read."""

import ast
import re
from dataclasses import fields
from pathlib import Path

from teal.server.settings import Settings, variable_of

ROOT = Path(__file__).parents[2]
VARIABLE = re.compile(r"TEAL_[A-Z0-9_]*[A-Z0-9]")


def test_every_variable_is_documented() -> None:
    text = "".join(path.read_text() for path in (ROOT / "docs").rglob("*.md"))
    assert {name for name in find_variables() if f"`{name}`" not in text} == set()


def test_every_documented_variable_is_read() -> None:
    rows = [
        line
        for path in (ROOT / "docs").rglob("*.md")
        for line in path.read_text().splitlines()
        if line.startswith("| ")
    ]
    shown = {name for row in rows for name in re.findall(r"`(TEAL_[A-Z0-9_]*[A-Z0-9])`", row)}
    assert shown - find_variables() == set()


# --- private


def find_variables() -> set[str]:
    """Settings of the server, and whatever else stands as a whole text in a program."""
    found = {variable_of(field.name) for field in fields(Settings)}
    for folder in ("src", "packages"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and VARIABLE.fullmatch(node.value):
                    found.add(node.value)
    return found
