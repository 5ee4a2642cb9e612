"""What the import contracts cannot say: the domain needs nothing but the standard library, and packages start empty."""

import ast
import sys
from pathlib import Path

TEAL = Path(__file__).parents[2] / "src" / "teal"
WITH_CONTENT = {TEAL / "__init__.py", TEAL / "sdk" / "__init__.py"}


def test_the_domain_imports_only_itself_and_the_standard_library() -> None:
    foreign = {
        f"{path.relative_to(TEAL)}: {module}"
        for path in (TEAL / "domain").rglob("*.py")
        for module in imported_modules(path)
        if module.partition(".")[0] not in sys.stdlib_module_names and not f"{module}.".startswith("teal.domain.")
    }
    assert not foreign


def test_package_files_are_empty_except_where_names_are_published() -> None:
    filled = [path for path in TEAL.rglob("__init__.py") if path.read_text().strip() and path not in WITH_CONTENT]
    assert not filled


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(TEAL))
        for path in TEAL.rglob("*.py")
        if path.name != "__init__.py" and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent


# --- private


def imported_modules(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return found
