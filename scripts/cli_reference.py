"""Writes docs/cli-reference.md: every command's own help, as `--help` prints it. Run by `make reference`; a test holds
the file to it."""

import io
import os
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from teal.cli.commands import COMMANDS, GROUPS
from teal.cli.main import run

REFERENCE = Path(__file__).parents[1] / "docs" / "cli-reference.md"

HEAD = """\
# Every command and its flags

What `--help` prints, for all of them (`make reference` writes this page). How they work together is in
[The command line](cli.md).

`teal ml …` is the same as `teal …`. Every command also takes the global arguments:

```text
{global_arguments}
```
"""


def build_reference() -> str:
    """The whole page."""
    parts = [HEAD.format(global_arguments=_split(_help("version"))[1])]
    for group in sorted({command.name.rpartition(" ")[0] for command in COMMANDS}):
        title, about = (f"teal {group}", GROUPS[group]) if group else ("teal", GROUPS[""])
        parts.append(f"## {title}\n\n{about}\n")
        for command in COMMANDS:
            if command.name.rpartition(" ")[0] == group:
                parts.append(f"### teal {command.name}\n\n```text\n{_split(_help(command.name))[0]}\n```\n")
    return "\n".join(parts)


def main() -> int:
    # Defaults that somebody has configured are not the defaults of the reference.
    with tempfile.TemporaryDirectory() as nowhere:
        os.environ["TEAL_CONFIG_DIR"] = nowhere
        REFERENCE.write_text(build_reference(), encoding="utf-8")
    return 0


# --- private


def _help(name: str) -> str:
    said = io.StringIO()
    with redirect_stdout(said):
        run([*name.split(), "--help"])
    return said.getvalue()


def _split(page: str) -> tuple[str, str]:
    """A help page without its global arguments, and these."""
    start, _, rest = page.partition("\nGlobal Arguments\n")
    arguments, _, examples = rest.partition("\nExamples\n")
    lines = [line.rstrip() for line in f"{start.strip()}\n\nExamples\n{examples}".strip().splitlines()]
    return "\n".join(lines), "\n".join(line.rstrip() for line in arguments.strip("\n").splitlines())


if __name__ == "__main__":
    sys.exit(main())
