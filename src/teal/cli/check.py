"""`teal check`: what would become of a deployment, step by step, before there is one. Used by the command table."""

import sys
from collections.abc import Callable, Mapping
from functools import partial

from rich.console import Console
from rich.status import Status

from teal.cli.changes import Given, apply_changes, build_changes
from teal.cli.progress import Interrupted
from teal.sdk.client import MLClient
from teal.sdk.entities.checks import CheckStep, DeploymentCheck
from teal.sdk.errors import OperationFailed
from teal.sdk.loading import load_data, parse_deployment_data

MAX_ANSWER_CHARS = 500


def check(
    client: MLClient,
    file: str,
    name: str | None = None,
    request_file: str | None = None,
    set_values: Given = None,
) -> None:
    data, place = load_data(file)
    data = {**data, **({} if name is None else {"name": name})}
    deployment = parse_deployment_data(apply_changes(data, build_changes(set_values)), place)
    told = _Told(partial(print, flush=True), STEPS if deployment.code else STEPS_OF_A_MODEL)
    # While it is shown, what is printed goes through it: not where somebody else reads what is printed.
    is_watched = sys.stderr.isatty() and sys.stdout.isatty()
    status = Console(stderr=True).status(f"checking {deployment.name}") if is_watched else None
    try:
        if status is not None:
            status.start()
        found = client.online_deployments.check(
            deployment, request_file=request_file, on_change=lambda check: told.tell(check, status)
        )
    except KeyboardInterrupt:
        raise Interrupted("The check was stopped; nothing of it runs any more.") from None
    finally:
        if status is not None:
            status.stop()
    if found.state != "Succeeded":
        raise OperationFailed(
            found.error_code or found.state, found.error or "The check ended before it was over.", status=found.state
        )
    print(f"{deployment.name} can be deployed{'' if found.answer_status else ': it starts; no request was sent'}.")


def describe_step(step: CheckStep, check: DeploymentCheck, words: Mapping[str, str]) -> str:
    """`script imported                   0.31 s`; the last one of a check that failed is the one it failed in."""
    failed = "  FAILED" if check.state == "Failed" and step is check.steps[-1] else ""
    line = f"{words.get(step.name, step.name):<30}{step.seconds or 0.0:>8.2f} s{failed}"
    if step.name != "sample request" or check.answer is None:
        return line
    answer = check.answer if len(check.answer) <= MAX_ANSWER_CHARS else f"{check.answer[:MAX_ANSWER_CHARS]} …"
    return f"{line}\n  answered {check.answer_status}: {answer}"


#: In words; the rest are words already.
STEPS: Mapping[str, str] = {
    "placing files": "model and code put in place",
    "looking up environment": "environment looked up",
    "reading script": "script read",
    "building environment": "environment built",
    "starting": "process started",
    "importing": "script imported",
    "initialising": "init() called",
    "probing": "ready",
    "sample request": "sample request sent",
}
STEPS_OF_A_MODEL: Mapping[str, str] = {**STEPS, "importing": "server imported", "initialising": "model loaded"}


# --- private

#: Nothing that a user could do something about.
_UNTOLD = frozenset({"waiting"})


class _Told:
    """Says each step once, when it is over."""

    def __init__(self, say: Callable[[str], None], words: Mapping[str, str]) -> None:
        self._say = say
        self._words = words
        self._steps = 0
        self._notes = 0

    def tell(self, check: DeploymentCheck, status: Status | None) -> None:
        # Whether the last one has failed is known only when the check is over.
        over = check.steps if check.ended else check.steps[:-1]
        for step in over[self._steps :]:
            if step.name not in _UNTOLD:
                self._say(describe_step(step, check, self._words))
        self._steps = len(over)
        for note in check.notes[self._notes :]:
            self._say(f"  note: {note}")
        self._notes = len(check.notes)
        if status is not None and check.doing:
            status.update(check.doing)
