"""Asking before something is deleted. Used by the command table."""

import sys
from typing import Any

from knack.prompting import prompt_y_n
from knack.util import CLIError


def ask(arguments: dict[str, Any]) -> bool:
    """Ask at a terminal; without one, refuse and say how to go ahead."""
    name = arguments.get("name") or arguments.get("deployment_name") or "it"
    if not sys.stdin.isatty():
        raise CLIError(f"'{name}' is not deleted: nobody can be asked here. Use --yes to delete without asking.")
    return bool(prompt_y_n(f"Delete '{name}'?"))
