"""What the start of an instance consisted of, step by step: written by reconcile, shown in `show`. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from teal.domain.instances import PhaseTime

WAITING = "waiting"
PROBING = "probing"
ROUTING = "routing"


@dataclass(frozen=True, slots=True)
class Phase:
    """One step of the last change of a deployment. `ended_at` None: it goes on. Times are epoch seconds."""

    name: str
    started_at: float
    ended_at: float | None = None


def build_phases(asked_at: float, seen: Iterable[PhaseTime], *, ready_at: float | None = None) -> tuple[Phase, ...]:
    """The steps since the request, one after the other without gaps; the last one goes on.

    `seen` is what the instance has told, `ready_at` when its readiness probe passed.
    """
    begun = [PhaseTime(WAITING, asked_at)]
    begun += [replace(phase, name=_NAMES.get(phase.name, phase.name)) for phase in seen]
    if ready_at is not None:
        begun.append(PhaseTime(ROUTING, ready_at))
    begun.append(PhaseTime(_END, _OPEN))
    phases: list[Phase] = []
    for phase, following in pairwise(begun):
        if phase.name == _END:
            break
        # Two processes tell of it, and their clocks are read at different moments: no step ends before it began.
        end = max(following.started_at, phase.started_at)
        phases.append(Phase(phase.name, phase.started_at, None if end == _OPEN else end))
    return tuple(phases)


def close_phases(phases: tuple[Phase, ...], ended_at: float) -> tuple[Phase, ...]:
    """The same, once the change is over."""
    return tuple(replace(phase, ended_at=ended_at) if phase.ended_at is None else phase for phase in phases)


# --- private

_OPEN = float("inf")
_END = "failed"
"""What the scoring server calls its last step when it does not come up: nothing follows it."""
_NAMES = {"ready": PROBING}
