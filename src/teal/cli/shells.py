"""`teal env`: variables as lines a shell evaluates. Used by the command table."""

import os
import sys
from collections.abc import Mapping
from pathlib import PurePath
from shlex import quote
from typing import Any

from knack.log import get_logger

from teal.sdk.exports import find_rivals, prepare_exports
from teal.sdk.scopes import load_scope

logger = get_logger(__name__)


def env(
    shell: str | None = None,
    as_json: bool = False,
    data_dir: str | None = None,
    az: bool = False,
    subscription: str | None = None,
    resource_group_name: str | None = None,
    workspace_name: str | None = None,
) -> Any:
    scope = load_scope(subscription, resource_group_name, workspace_name)
    exports = prepare_exports(scope, folder=data_dir, az=az)
    if rivals := find_rivals(os.environ):
        logger.warning(
            "%s is set: DefaultAzureCredential asks there first, not Teal. `unset %s` in that shell.",
            *(", ".join(rivals), " ".join(rivals)),
        )
    if as_json:
        return exports
    shell = shell or guess_shell(os.environ)
    sys.stdout.write(format_exports(exports, shell))
    if sys.stdout.isatty():
        print(f"# To set these:  {HOW_TO[shell]}", file=sys.stderr)
    return None


def guess_shell(environ: Mapping[str, str]) -> str:
    """What a person's login shell reads; bash's words also serve zsh and sh."""
    return "fish" if PurePath(environ.get("SHELL", "")).name == "fish" else "bash"


def format_exports(exports: Mapping[str, str], shell: str) -> str:
    """One line a variable."""
    return "".join(f"{_line(name, value, shell)}\n" for name, value in exports.items())


# --- private

HOW_TO = {"bash": 'eval "$(teal env)"', "zsh": 'eval "$(teal env)"', "fish": "teal env --shell fish | source"}


def _line(name: str, value: str, shell: str) -> str:
    if shell != "fish":
        return f"export {name}={quote(value)}"
    words = value.split(os.pathsep) if name == "PATH" else [value]
    return " ".join(["set -gx", name, *(_quote_fish(word) for word in words)])


def _quote_fish(word: str) -> str:
    """Within single quotes fish knows two escapes, of itself and of the quote."""
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
