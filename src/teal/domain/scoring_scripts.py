"""What the text of a scoring script is enough to know, before an environment is built for it. Pure.

Called by compute/process/preparation.py. Only what cannot work is refused: where a script makes its functions in a way
that reading does not follow, importing it tells (teal_scoring/user_script.py, whose codes these are).
"""

import ast
import traceback
import warnings
from collections.abc import Iterator

from teal.domain.failures import Failure

MAX_CHECKED_BYTES = 256 * 1024


def find_script_fault(source: bytes, path: str, *, knows_syntax: bool = True) -> Failure | None:
    """Why a script cannot serve; None as far as its text tells. `knows_syntax`: the Python that will run it is not
    newer than the one that looks, which would refuse what it does not know yet."""
    if len(source) > MAX_CHECKED_BYTES:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(source, filename=path)
    except SyntaxError as error:
        return _build_syntax_failure(error, path) if knows_syntax else None
    except (ValueError, RecursionError, MemoryError, SystemError):  # the last: gh-106905, two parsers at once
        return None
    names = frozenset(_find_names(tree.body))
    if names & _UNFOLLOWED:
        return None
    for name in ("init", "run"):
        if name not in names:
            return Failure(
                code="UserScriptFunctionNotFound",
                message=f"{path} has no function {name}()",
                hint="A scoring script defines init() and run(data) at its top level.",
            )
    return _find_signature_fault(tree)


def build_missing_failure(path: str, there: str) -> Failure:
    """The script is not among the files of the code; `there` lists them."""
    return Failure(
        code="UserScriptNotFound",
        message=f"The scoring script '{path}' does not exist in the code folder",
        hint=f"Check code_configuration.scoring_script; the code folder holds: {there or 'nothing'}",
    )


# --- private

_STAR = "*"
_UNFOLLOWED = frozenset({_STAR, "driver_module", "__getattr__"})
"""Bound at the top level, these may stand for any other name."""
_MAKES_NAMES = frozenset({"exec", "eval", "globals", "locals", "vars", "setattr", "modules", "__dict__"})
_HINT = "Declare it as run(data) or run(data, request_headers)."


def _build_syntax_failure(error: SyntaxError, path: str) -> Failure:
    return Failure(
        code="UserScriptSyntaxError",
        message=f"{error.filename or path}, line {error.lineno}: {error.msg}",
        hint="Fix the line shown in the traceback.",
        traceback="".join(traceback.format_exception_only(error)),
    )


def _find_names(body: list[ast.stmt]) -> Iterator[str]:
    """Every name that running these statements may bind, `*` where it may be any."""
    for statement in body:
        for node in ast.walk(statement):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    yield name
                case ast.Name(id=name, ctx=ast.Store()):
                    yield name
                case ast.Name(id=name) | ast.Attribute(attr=name) if name in _MAKES_NAMES:
                    yield _STAR
                case ast.alias(name=name, asname=asname):
                    yield asname or name.partition(".")[0]


def _find_signature_fault(tree: ast.Module) -> Failure | None:
    """Of a plain `def run` at the top level; a decorator may give it another signature."""
    found = [one for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name == "run"]
    if len(found) != 1 or found[0].decorator_list or _is_bound_elsewhere(tree, found[0]):
        return None
    arguments = found[0].args
    if arguments.posonlyargs or arguments.vararg or arguments.kwarg:
        return _build_signature_failure("run() cannot accept positional-only arguments, *args, or **kwargs.")
    named = [*arguments.args, *arguments.kwonlyargs]
    inputs = [one.arg for one in named if one.arg != "request_headers"]
    if not inputs and named:
        return _build_signature_failure('run() needs to accept an argument other than "request_headers".')
    if not inputs:
        return _build_signature_failure("run() needs to accept an argument for input data.")
    return None


def _is_bound_elsewhere(tree: ast.Module, run: ast.stmt) -> bool:
    return "run" in _find_names([one for one in tree.body if one is not run])


def _build_signature_failure(message: str) -> Failure:
    return Failure(code="UserScriptBadSignature", message=message, hint=_HINT)
