"""The endpoint left alone for some hundred requests, and everything counted: splits, copies, and what `show` says of
them. Called by steps.py.

Clients pause before and after, so that what was counted in between is known to the request. Only answers that are still
coming when they pause leave some play.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from soak.ledger import Ledger
from soak.notes import RightAnswer, read_notes
from soak.schedule import State
from soak.subject import Subject
from tests.harness.waiting import wait_until_sync

COUNTED = 400
WITHIN_S = 120.0
# An answer that has been coming for so long was counted by the gateway when it began.
BEGUN_S = 1.0
# The server asks the gateway once a second at most, and may answer with what it knew while it waits.
STALE_S = 1.1
# Of each Envoy, on whatever machine (TEAL_GATEWAY_THREADS); each counts for itself.
WORKERS = 2

_COPIES = ("mirrored", "mirror_dropped", "mirror_skipped")


@dataclass(frozen=True, slots=True)
class Look:
    """All counts while clients pause. `answers`: how many of the ledger's there were; `open`: requests in hand;
    `requests`: by deployment, as `show` has them; `copies`: as instances have noted them."""

    at: float
    answers: int
    open: frozenset[str]
    requests: Mapping[str, Mapping[str, int]]
    copies: Mapping[str, int]


class Counting:
    """Remembers the last look, because totals go on whatever happens in between."""

    def __init__(self, subject: Subject, ledger: Ledger, clock: Callable[[], float]) -> None:
        self._subject = subject
        self._ledger = ledger
        self._clock = clock
        self._last: Look | None = None

    def forget(self) -> None:
        """Totals begin again: an Envoy was killed, or a deployment deleted."""
        self._last = None

    def run(self, state: State) -> None:
        """Raises what does not fit."""
        try:
            before = self._look()
            problems = list(find_forgotten(self._last, before, self._between(self._last, before)) if self._last else ())
            failed = len(self._ledger.unexcused)
            self._ledger.is_paused = False
            wait_until_sync(lambda: len(self._ledger.answers) >= before.answers + COUNTED, WITHIN_S, every_s=0.1)
            gateways = len(self._subject.gateways())
            after = self._look()
        finally:
            self._ledger.is_paused = False
        self._last = after
        if len(self._ledger.unexcused) == failed:
            problems += find_miscounted(state, before, after, self._between(before, after), WORKERS * gateways)
        assert not problems, "; ".join(problems)

    # --- private

    def _look(self) -> Look:
        ledger = self._ledger
        ledger.is_paused = True

        def is_quiet() -> bool:
            now = self._clock()
            return all(one.pieces and now - one.sent_at > BEGUN_S for one in tuple(ledger.outstanding.values()))

        wait_until_sync(is_quiet, WITHIN_S)
        for _ in range(2):
            self._subject.requests()
            time.sleep(STALE_S)
        requests = wait_until_sync(self._subject.requests, every_s=0.1)
        copies = Counter(note.deployment for note in read_notes(self._subject.notes) if note.is_copy)
        return Look(self._clock(), len(ledger.answers), frozenset(ledger.outstanding), requests, copies)

    def _between(self, before: Look, after: Look) -> list[RightAnswer]:
        """The answers to what was sent between two looks."""
        answers = islice(tuple(self._ledger.answers.values()), before.answers, after.answers)
        return [answer for answer in answers if answer.sent_at > before.at]


def find_forgotten(before: Look, after: Look, answers: Iterable[RightAnswer]) -> Iterator[str]:
    """Totals that have not grown with the answers, whatever else happened: each was sent to somebody."""
    for name, answered in Counter(answer.deployment for answer in answers).items():
        live = after.requests[name]["live"] - before.requests.get(name, {}).get("live", 0)
        if live < answered:
            yield f"{name} has answered {answered} requests since the last count; `show` counts {live}"


def find_miscounted(
    state: State, before: Look, after: Look, answers: Collection[RightAnswer], play: int
) -> Iterator[str]:
    """What is not as `state` wants it, give or take `play` and the answers that are still coming."""
    still_coming = len(after.open - before.open)
    answered = Counter(answer.deployment for answer in answers)
    divided = Counter(answer.deployment for answer in answers if not answer.named)
    total = divided.total()
    for name, percent in state.traffic.items():
        if not state.sticky and abs(divided[name] - percent / 100 * total) > play + still_coming:
            yield f"{name} answered {divided[name]} of {total}; its share is {percent} %"
    for name in state.deployments:
        grown = Counter(after.requests[name])
        grown.subtract(before.requests[name])
        if not answered[name] <= grown["live"] <= answered[name] + still_coming:
            yield f"{name} answered {answered[name]}; `show` counts {grown['live']}"
        percent, copies = state.mirror.get(name, 0), {kind: grown[kind] for kind in _COPIES}
        if abs(sum(copies.values()) - percent / 100 * total) > play * len(state.traffic) + still_coming:
            yield f"of {total} requests {percent} % were to be copied to {name}; `show` counts {copies}"
        noted = after.copies.get(name, 0) - before.copies.get(name, 0)
        if noted != copies["mirrored"]:
            yield f"{name} has noted {noted} copies; `show` counts {copies['mirrored']}"
