"""Completing commands with the Tab key: the script a shell loads, and the line it hands over. Used by the command table
and by cli/main.py."""

import os
import sys
from collections.abc import MutableMapping

PROGRAMS = ["teal"]


def completion(shell: str = "bash") -> None:
    """Print what the shell has to evaluate."""
    from argcomplete.shell_integration import shellcode

    # zsh evaluates the same script as bash: argcomplete's tells them apart itself.
    script = shellcode(PROGRAMS, shell="fish" if shell == "fish" else "bash")
    sys.stdout.write(script if script.endswith("\n") else f"{script}\n")


def is_completing(environ: MutableMapping[str, str]) -> bool:
    """Whether a shell asks for completions, not for a command to be run."""
    return "_ARGCOMPLETE" in environ


def drop_ml(environ: MutableMapping[str, str]) -> None:
    """`teal ml online-…` is completed as `teal online-…`: one command, one grammar."""
    line = environ.get("COMP_LINE", "")
    program, space, rest = line.partition(" ")
    bare = rest.lstrip()
    if space and bare.startswith("ml ") and environ.get("COMP_POINT", "").isdigit():
        shorter = f"{program} {bare.removeprefix('ml ')}"
        environ["COMP_LINE"] = shorter
        environ["COMP_POINT"] = str(
            max(0, int(environ["COMP_POINT"]) - (len(os.fsencode(line)) - len(os.fsencode(shorter))))
        )
