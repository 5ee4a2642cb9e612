"""Every condition and every reason that Teal gives for one has its line in docs/conditions.md, and nothing else has."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from teal.domain.conditions import ConditionType

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "conditions.md").read_text()


def test_every_type_of_condition_is_documented() -> None:
    assert documented(1) == {str(kind) for kind in ConditionType}


def test_every_reason_is_documented() -> None:
    found = set(find_reasons())
    assert {"InForce", "InstancesNotReady", "Rejected"} <= found
    assert documented(3) == found


# --- private


def documented(column: int) -> set[str]:
    rows = [line.split("|") for line in TEXT.splitlines() if line.startswith("|")]
    return {name for row in rows for name in re.findall(r"^ `(\w+)` $", row[column])}


def find_reasons() -> Iterator[str]:
    """The constants in `Condition(reason=…)`, anywhere in the server."""
    for path in (ROOT / "src" / "teal").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Condition":
                for keyword in node.keywords:
                    if keyword.arg == "reason":
                        yield from _values(keyword.value)


def _values(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from _values(node.body)
        yield from _values(node.orelse)
    elif isinstance(node, ast.Constant):
        yield str(node.value)
