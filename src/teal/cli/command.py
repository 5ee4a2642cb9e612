"""What a command is: its name, what runs it, what its help says. Used by cli/catalogue and cli/app.py."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Example = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `handler` is `module:function` below teal.cli; a scoped one is given a client of a workspace."""

    name: str
    handler: str
    summary: str
    examples: tuple[Example, ...]
    details: str = ""
    table: Callable[[Any], Any] | None = None
    confirmation: Callable[[dict[str, Any]], bool] | None = None
    scoped: bool = True
