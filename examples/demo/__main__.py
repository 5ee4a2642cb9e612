"""`make demo`: a whole safe rollout on this machine. Exit status 0 only if no client noticed anything."""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from examples.demo.answers import load_questions
from examples.demo.command import CommandFailed, Teal
from examples.demo.scratch import REPOSITORY, copy_example, stop_processes
from examples.demo.steps import Verdict, roll_out
from examples.demo.training import train
from examples.demo.view import View

LOCK = REPOSITORY / "requirements" / "demo.txt"
MODELS = {"blue": "linear", "green": "boosting"}
INTERRUPTED = 130
FAILURES_SHOWN = 10


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep the scratch folder with its logs and data")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="teal-demo-")).resolve()
    return asyncio.run(run_demo(folder, keep=arguments.keep))


async def run_demo(folder: Path, *, keep: bool) -> int:
    """Whatever ends the story (the end, an error, Ctrl-C), nothing is left running and the scratch folder goes."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TEAL_", "AZURE"))}
    environment |= {"TEAL_DATA_DIR": str(folder / "data"), "TEAL_CONFIG_DIR": str(folder / "config")}
    teal = Teal(Path(sys.executable).parent / "teal", folder, environment)

    playing = asyncio.create_task(play(folder, teal), name="demo")
    stop_on_signals(playing.cancel)
    try:
        status = report(await playing)
    except asyncio.CancelledError:
        print("interrupted: stopping what runs", file=sys.stderr)
        status = INTERRUPTED
    except (CommandFailed, ExceptionGroup) as error:
        status = explain(error)
    finally:
        stop_on_signals(lambda: None)  # a second Ctrl-C must not leave half of it running
        left = await leave_nothing(folder, teal, keep=keep)
    return status or int(left)


async def play(folder: Path, teal: Teal) -> Verdict:
    with View() as view:
        view.begin("starting the server, and training two models meanwhile")
        example = copy_example(folder)
        async with asyncio.TaskGroup() as group:
            group.create_task(teal.text("up", "--detach", "--port", "0", "--gateway-port", "0"))
            group.create_task(train(example, LOCK, folder=folder, environment=teal.environment))
        questions = load_questions(example / "expected.json", MODELS)
        return await roll_out(replace(teal, folder=example), questions, view)


def report(verdict: Verdict) -> int:
    """The last line is the result: what a client would have noticed."""
    for failure, times in Counter(verdict.failures).most_common(FAILURES_SHOWN):
        print(f"failed {times} times: {failure}")
    for problem in verdict.problems:
        print(f"out of bounds: {problem}")
    print(f"rollout complete: {verdict.sent} requests, {len(verdict.failures)} failed", flush=True)
    return 1 if verdict.failures or verdict.problems else 0


def explain(error: Exception) -> int:
    """A command that failed is told in its own words; anything else is a defect of the demo and keeps its traceback."""
    for cause in error.exceptions if isinstance(error, ExceptionGroup) else (error,):
        if isinstance(cause, ExceptionGroup):
            explain(cause)
        elif isinstance(cause, CommandFailed):
            print(cause, file=sys.stderr)
        else:
            raise error
    return 1


async def leave_nothing(folder: Path, teal: Teal, *, keep: bool) -> bool:
    """Whether `teal down` left anything that had to be stopped by other means; a demo that needs that has failed."""
    if (folder / "data").exists():
        with suppress(CommandFailed):  # a server that was interrupted while it started may not know it is to stop
            await teal.text("down")
    left = await stop_processes(folder)
    for words in left:
        print(f"had to stop {words}", file=sys.stderr)
    if keep:
        print(f"kept {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return bool(left)


def stop_on_signals(stop: Callable[[], object]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)


if __name__ == "__main__":
    sys.exit(main())
