"""Keeps count of every request: what was asked, what came back, and whether that was right at the time.

Written by clients.py (requests) and run.py (what is right, which step is under way, what a fault may cost); read by
report.py. Times are seconds since the start of the run.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from soak.notes import RightAnswer


class Outcome(StrEnum):
    """What came of one request."""

    RIGHT = "right"
    WRONG = "wrong"  # answered 200, but not this request, or not by whom it should
    FAILED = "failed"  # answered with an error
    LOST = "lost"  # not answered at all
    EXCUSED = "excused"  # failed or lost, by a fault that may cost this


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was sent. `epoch`: what was right when it was; `pieces`: of a streamed answer, before its last;
    `named`: the deployment that it asks for; `caller`: whom it is from, where the same one is to stay."""

    id: str
    client: str
    bytes: int
    sent_at: float
    epoch: int
    work_s: float
    pieces: int = 0
    named: str | None = None
    caller: str = ""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What is right for a while: who may answer, in which version; who answers a request that names it; who may get
    copies. `green_share` is there while one sticky split of two is in force."""

    right: frozenset[tuple[str, str]]
    named: frozenset[tuple[str, str]] = frozenset()
    nameable: tuple[str, ...] = ()
    mirrors: frozenset[str] = frozenset()
    green_share: int | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back. `problem` is empty when everything about it is right; `status` None when nothing came."""

    asked: Asked
    ended_at: float
    status: int | None
    problem: str = ""
    code: str = ""
    deployment: str = ""
    request_id: str = ""

    @property
    def seconds(self) -> float:
        return self.ended_at - self.asked.sent_at


@dataclass(slots=True)
class Fault:
    """What one fault may cost: requests for which `excuses` holds, sent before it ended and answered after it began.
    `in_hand`: how many were waiting for an answer when it began."""

    words: str
    began_at: float
    excuses: Callable[[Answered], bool]
    in_hand: int
    ended_at: float = float("inf")
    excused: int = 0
    repeats: bool = False  # on an idempotent endpoint: what was lost may be acted on twice
    cuts: bool = False  # kept connections end without a word

    def take(self, answered: Answered) -> bool:
        """Whether this fault answers for it."""
        touches = answered.asked.sent_at <= self.ended_at and answered.ended_at >= self.began_at
        if not touches or not self.excuses(answered):
            return False
        self.excused += 1
        return True


@dataclass(frozen=True, slots=True)
class Event:
    """A step of the schedule, once it has ended."""

    words: str
    kind: str
    began_at: float
    ended_at: float
    problem: str = ""


@dataclass(slots=True)
class Second:
    """One second of the run, by the time of the answer."""

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0


class Ledger:
    """All that happened. Requests are counted as they end; only what is not right is kept whole."""

    def __init__(self, *, slow_s: float) -> None:
        self.slow_s = slow_s
        self.outcomes: Counter[Outcome] = Counter()
        self.by_client: Counter[str] = Counter()
        self.bytes_sent = 0
        self.slow: list[Answered] = []
        self.not_right: list[tuple[Outcome, Answered, str]] = []
        self.faults: list[Fault] = []
        self.events: list[Event] = []
        self.seconds: dict[int, Second] = {}
        self.latencies_s: list[float] = []
        self.duplicated: tuple[str, ...] = ()
        self.misled: tuple[str, ...] = ()
        self.answers: dict[str, RightAnswer] = {}
        self.cut: list[str] = []
        self.clients = 0
        self.is_paused = False
        self.is_pressed = False
        self.outstanding: dict[str, Asked] = {}
        self.repeatable: set[str] = set()
        self.step = ""
        self._epochs: list[Epoch] = []
        self._stays: dict[str, tuple[int, int]] = {}

    @property
    def epoch(self) -> int:
        return len(self._epochs) - 1

    @property
    def nameable(self) -> tuple[str, ...]:
        """Deployments that are there, and are to stay for now."""
        return self._epochs[-1].nameable

    def begin_epoch(self, epoch: Epoch) -> None:
        """From now on a request is answered by one of these deployments, in these versions; one that was sent before
        may have been answered by those before."""
        self._epochs.append(epoch)

    def is_right(self, asked: Asked, deployment: str, version: str) -> bool:
        answer = (deployment, version)
        if asked.named:
            return deployment == asked.named and any(answer in epoch.named for epoch in self._epochs[asked.epoch :])
        return any(answer in epoch.right for epoch in self._epochs[asked.epoch :])

    def has_stayed(self, asked: Asked, deployment: str) -> bool:
        """Whether a caller is answered as before: by green at any share means by green at every larger one, and the
        same with blue."""
        share = self._epochs[-1].green_share
        if asked.epoch != self.epoch or asked.named or share is None:
            return True
        blue_up_to, green_from = self._stays.get(asked.caller, (-1, 101))
        if deployment == "green":
            green_from = min(green_from, share)
        else:
            blue_up_to = max(blue_up_to, share)
        self._stays[asked.caller] = (blue_up_to, green_from)
        return blue_up_to < green_from

    def note_cut(self, client: str, last_used_at: float, now: float) -> None:
        """A kept connection has ended, and nothing had said that it would."""
        if not any(fault.cuts and last_used_at <= fault.ended_at and now >= fault.began_at for fault in self.faults):
            self.cut.append(f"{now:.1f} s {client}, {self.step}")

    def send(self, asked: Asked) -> None:
        self.outstanding[asked.id] = asked
        if any(fault.repeats and fault.ended_at > asked.sent_at for fault in self.faults[-1:]):
            self.repeatable.add(asked.id)
        self.bytes_sent += asked.bytes

    def record(self, answered: Answered) -> None:
        """One request has ended, well or not."""
        del self.outstanding[answered.asked.id]
        outcome = self._judge(answered)
        self.outcomes[outcome] += 1
        self.by_client[answered.asked.client] += 1
        if outcome is Outcome.RIGHT:
            mirrors = frozenset[str]().union(*(epoch.mirrors for epoch in self._epochs[answered.asked.epoch :]))
            self.answers[answered.asked.id] = RightAnswer(
                answered.deployment,
                answered.request_id,
                mirrors,
                answered.asked.named is not None,
                answered.asked.sent_at,
            )
            self.latencies_s.append(answered.seconds)
            if answered.seconds - answered.asked.work_s > self.slow_s:
                self.slow.append(answered)
        else:
            self.not_right.append((outcome, answered, self.step))
        second = self.seconds.setdefault(int(answered.ended_at), Second())
        second.outcomes[outcome] += 1
        second.slowest_s = max(second.slowest_s, answered.seconds)

    @property
    def unexcused(self) -> list[tuple[Outcome, Answered, str]]:
        return [entry for entry in self.not_right if entry[0] is not Outcome.EXCUSED]

    @property
    def problems(self) -> list[str]:
        """Why the run has not passed; empty when it has."""
        found = [f"{count} {outcome}" for outcome, count in Counter(entry[0] for entry in self.unexcused).items()]
        if self.duplicated:
            found.append(f"{len(self.duplicated)} acted on twice")
        if self.misled:
            found.append(f"{len(self.misled)} acted on by somebody else, such as {self.misled[0]}")
        if self.cut:
            found.append(f"{len(self.cut)} kept connections closed without a word, such as {self.cut[0]}")
        if not self.outcomes[Outcome.RIGHT]:
            found.append("nothing was answered")
        return found + [f"{event.words}: {event.problem}" for event in self.events if event.problem]

    # --- private

    def _judge(self, answered: Answered) -> Outcome:
        if answered.status == 200 and not answered.problem:
            return Outcome.RIGHT
        if answered.status == 200:
            return Outcome.WRONG
        if any(fault.take(answered) for fault in self.faults):
            return Outcome.EXCUSED
        return Outcome.LOST if answered.status is None else Outcome.FAILED
