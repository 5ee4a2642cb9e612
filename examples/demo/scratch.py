"""The demo's scratch folder: the example, its models, the server's data; and its end, with all that runs in it."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "diabetes"
STOPPING_TAKES_AT_MOST_S = 20


def copy_example(folder: Path) -> Path:
    """What a user would have in front of them, without what training wrote there before."""
    example = folder / "diabetes"
    shutil.copytree(EXAMPLE, example, ignore=shutil.ignore_patterns("models", "expected.json", "__pycache__"))
    return example


def processes_in(folder: Path) -> Iterator[psutil.Process]:
    """Every process whose command line or environment names the folder, this one excepted."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            words = [*process.cmdline(), *process.environ().values()]
            if any(str(folder) in word for word in words):
                yield process


async def stop_processes(folder: Path) -> list[str]:
    """End what still runs in the folder, by pid; returns what it was, so that the demo can say so."""
    found: list[str] = []
    deadline = asyncio.get_running_loop().time() + STOPPING_TAKES_AT_MOST_S
    while running := list(processes_in(folder)):
        overdue = asyncio.get_running_loop().time() > deadline
        for process in running:
            with contextlib.suppress(psutil.Error):
                found.append(f"{process.pid} {' '.join(process.cmdline())[:120]}")
                process.kill() if overdue else process.terminate()
        await asyncio.sleep(0.5)
    return list(dict.fromkeys(found))
