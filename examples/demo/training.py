"""Trains an example's models in an environment of their own, for the demos: Teal itself knows no model library."""

import sys
from collections.abc import Mapping
from pathlib import Path

from examples.demo.command import CommandFailed, run_program


async def train(example: Path, lock: Path, *options: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Run the example's train.py with what `lock` names installed (`options` of that installation); what it printed.

    uv is first asked for what was downloaded before: it is quicker, and all there is without a network.
    """
    uv = Path(sys.executable).parent / "uv"
    python = folder / "training" / "bin" / "python"
    install = ("pip", "install", "--quiet", "--python", str(python), "--require-hashes", *options, "-r", str(lock))

    async def run(program: Path, *words: str) -> str:
        return await run_program(program, *words, folder=folder, environment=environment)

    await run(uv, "venv", "--quiet", "--python", sys.executable, str(folder / "training"))
    try:
        await run(uv, *install, "--offline")
    except CommandFailed:
        await run(uv, *install)
    return await run(python, str(example / "train.py"), str(example))
