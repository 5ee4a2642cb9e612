"""Runs programs for the demo: the `teal` command line and the set-up of the training environment."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class CommandFailed(Exception):
    """A program that the demo needs did not do its work; the message shows which, and what it said."""


@dataclass(frozen=True, slots=True)
class Teal:
    """The `teal` program with a data directory of its own, run as any user would run it."""

    program: Path
    folder: Path
    environment: Mapping[str, str]

    async def run(self, *words: str) -> Any:
        """What the command printed, read as JSON (None if it printed nothing)."""
        printed = await run_program(self.program, *words, folder=self.folder, environment=self.environment)
        try:
            return json.loads(printed) if printed.strip() else None
        except ValueError:
            raise CommandFailed(f"teal {' '.join(words)} did not print JSON:\n{printed}") from None

    async def text(self, *words: str) -> str:
        return await run_program(self.program, *words, folder=self.folder, environment=self.environment)


async def run_program(program: Path, *words: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Standard output of a program that ended well. A cancelled caller takes the program down with it."""
    process = await asyncio.create_subprocess_exec(
        program,
        *words,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # the terminal's Ctrl-C reaches the demo only, which then stops things in order
    )
    try:
        printed, complained = await process.communicate()
    except asyncio.CancelledError:
        await _end(process)
        raise
    if process.returncode != 0:
        said = (complained or printed).decode(errors="replace").strip()
        raise CommandFailed(f"{program.name} {' '.join(words)} ended with status {process.returncode}:\n{said}")
    return printed.decode()


# --- private


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), timeout=5)
    except TimeoutError:
        process.kill()
        await process.wait()
