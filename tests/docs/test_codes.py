"""Every error code that can reach a person, and every route, has its line in the documentation."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from teal.api.app import DEPLOYMENT, ENDPOINT, ROUTES, WORKSPACE

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"[A-Z][A-Za-z0-9]+[a-z][A-Za-z0-9]*")
CLIENTS = {"cli", "sdk", "mlflow", "studio"}


def test_every_error_code_is_documented() -> None:
    text = (ROOT / "docs" / "errors.md").read_text()
    missing = {code for code in find_codes() if f"`{code}`" not in text}
    assert not missing


def test_every_documented_error_code_exists() -> None:
    source = "".join(path.read_text() for folder in ("src", "packages") for path in (ROOT / folder).rglob("*.py"))
    tables = [cell for cell in first_cells("errors.md") if cell.startswith(" `")]
    unknown = {
        code for cell in tables for code in re.findall(r"`(\w+)`", cell) if not re.search(rf"\b{code}\b", source)
    }
    assert not unknown


def test_every_route_is_documented() -> None:
    shown = [(re.findall(r"[A-Z]{3,6}", cell), cell) for cell in first_cells("rest.md")]
    for method, path, _ in ROUTES:
        forms = {f"{form}`" for form in shorten(path)}
        assert any(method in methods and any(form in cell for form in forms) for methods, cell in shown), (
            f"{method} {path}"
        )


# --- private


def first_cells(document: str) -> list[str]:
    """The first cell of every row of the document's tables."""
    return [line.split("|")[1] for line in (ROOT / "docs" / document).read_text().splitlines() if line.startswith("|")]


def shorten(path: str) -> Iterator[str]:
    """A route as docs/rest.md writes it."""
    for long, short in (
        ("/v1.0/", "/v2.0/"),
        (f"/mlflow/v2.0{WORKSPACE}/api", "{mlflow}"),
        (f"/artifact/v2.0{WORKSPACE}/artifacts", "{artifacts}"),
        (f"/history/v2.0{WORKSPACE}/experiments/{{experiment}}/runs/{{run}}/artifacts", "{run}"),
        (DEPLOYMENT, "{dep}"),
        (ENDPOINT, "{ep}"),
        (WORKSPACE, "{ws}"),
        (":path}", "}"),
    ):
        path = path.replace(long, short)
    yield path
    yield re.sub(r"^{ws}/(models|environments|codes|data)", "{ws}/{kind}", path)
    yield re.sub(r"^/subscriptions/.*/(workspaces|mfe\w+/{operation})$", r"…/\1", path)


def find_codes() -> Iterator[str]:
    """`code="X"` and `code = "X"` anywhere in the server, and the failures of the scoring server by class."""
    folders = [p for p in (ROOT / "src" / "teal").iterdir() if p.is_dir() and p.name not in CLIENTS]
    for path in [path for folder in folders for path in folder.rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "code":
                yield from _constants(node.value)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(isinstance(t, ast.Name) and t.id == "code" for t in targets) and node.value:
                    yield from _constants(node.value)
    scoring = ROOT / "packages" / "teal-scoring" / "src" / "teal_scoring"
    for path in (scoring / "failures.py", scoring / "user_script.py"):
        classes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]
        bases = {"BootFailed", "BadSettings", "UserScriptError"}
        yield from (c.name for c in classes if bases & {getattr(b, "id", "") for b in c.bases} and c.name not in bases)


def _constants(node: ast.expr) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and CODE.fullmatch(each.value):
            yield each.value
