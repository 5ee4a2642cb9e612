"""Which requests wait, run, are refused or are dropped. Base of scoring_threads.py and scoring_loop.py, where run()
happens; called by http.py.

A request is one of: running (at most `limit`), queued (at most `queue`), refused (QueueFull), or dropped: its deadline
passed or its client left before its turn. Everything here belongs to the event loop's thread, but for the two
things a scoring thread does: `Job.claim`, and `_note_done`.

Answers leave from the thread that made them, so the loop need not be woken for each. It learns that a job is done when
the next one is submitted, or by a timer soon after; only a job that took long wakes it.
"""

import asyncio
import collections
import enum
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

LINGER_S = 0.02
"""How long a quick job may be done before the loop looks; also when a waiting request's client begins to be watched."""


class QueueFull(Exception):
    """As many requests run and wait here as may."""


class RunInterrupted(BaseException):
    """Raised inside run() when its time is over. No Exception, so that scripts let it pass."""


class Refusal(enum.Enum):
    DEADLINE_PASSED = "the client's time was over before the request's turn came"
    CLIENT_GONE = "the client left before the request's turn came"
    TIMED_OUT = "run() took longer than it may"


@dataclass
class Counts:
    """What became of requests that got no answer from run(). For the metrics route."""

    queue_full: int = 0
    deadline_passed: int = 0
    client_gone: int = 0
    timed_out: int = 0


class Job(ABC):
    """One request on its way to run(). Answered once: by run(), or by `refuse`. Implemented by exchange.py."""

    __slots__ = ("_claims", "busy_since", "deadline", "finished", "is_settled", "is_streaming", "submitted_at", "watch")

    def __init__(self, deadline: float | None) -> None:
        self.deadline = deadline
        """By time.monotonic()."""
        self.submitted_at = 0.0
        self.busy_since: float | None = None
        """Since when run() has had the word; None while the job waits for its turn or for a slow client."""
        self.is_streaming = False
        self.is_settled = False
        self.finished: asyncio.Future[None]
        self.watch: asyncio.Task[None] | None = None
        self._claims = [None]

    @property
    def is_claimed(self) -> bool:
        return not self._claims

    def claim(self) -> bool:
        """Whether the caller is the one to answer: true once, on whichever thread comes first."""
        try:
            self._claims.pop()
        except IndexError:
            return False
        return True

    @abstractmethod
    def refuse(self, why: Refusal) -> None:
        """Answer without run(), or before its end. The caller has claimed the job."""

    @abstractmethod
    def client_gone(self) -> Awaitable[None]:
        """Comes back when the client has left."""


JobT = TypeVar("JobT", bound=Job)
JobT_contra = TypeVar("JobT_contra", bound=Job, contravariant=True)


class Scoring(Protocol[JobT_contra]):
    """Where run() happens, as http.py, server.py and worker.py see it."""

    counts: Counts

    @property
    def limit(self) -> int: ...
    @property
    def unsettled(self) -> int: ...
    @property
    def main_is_stuck(self) -> bool: ...
    def attach(self, loop: asyncio.AbstractEventLoop) -> None: ...
    def submit(self, job: JobT_contra) -> "asyncio.Future[None]": ...
    def run_on_main_thread(self) -> None: ...
    def close(self) -> None: ...


class Admission(ABC, Generic[JobT]):
    """Everything about a job but where its run() happens, which subclasses say."""

    def __init__(self, *, limit: int, queue: int, timeout_s: float) -> None:
        self.counts = Counts()
        self._limit = limit
        self._most = limit + queue
        self._timeout_s = timeout_s
        self._open: set[JobT] = set()
        self._done: collections.deque[JobT] = collections.deque()
        self._is_waking = False
        self._is_lingering = False
        self._came_while_lingering = False
        self._watch_at = float("inf")
        self._watch_timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def limit(self) -> int:
        return self._limit

    @property
    def unsettled(self) -> int:
        """Requests running or queued."""
        self._settle_done()
        return len(self._open)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the loop that will submit. Before the first request."""
        self._loop = loop

    def submit(self, job: JobT) -> "asyncio.Future[None]":
        """Let the job have its turn; the future ends some time after it was answered. Raises QueueFull."""
        if self._done:
            self._settle_done()
        if len(self._open) >= self._most:
            self.counts.queue_full += 1
            raise QueueFull
        loop = self._attached()
        job.submitted_at = now = time.monotonic()
        job.finished = loop.create_future()
        self._open.add(job)
        self._came_while_lingering = True
        if not self._is_lingering:
            self._is_lingering = True
            loop.call_later(LINGER_S, self._linger)
        ends_at = now + self._timeout_s
        if job.deadline is not None and job.deadline < ends_at:
            ends_at = job.deadline
        if ends_at < self._watch_at:
            self._watch_next(ends_at, now)
        self._dispatch(job)
        return job.finished

    # --- for subclasses

    @abstractmethod
    def _dispatch(self, job: JobT) -> None:
        """Hand the job to where run() happens."""

    @abstractmethod
    def _interrupt(self, job: JobT) -> None:
        """The job is over its time and answered: make its run() end, or do without the thread it holds."""

    def _may_begin(self, job: JobT, now: float) -> bool:
        """On the scoring thread, right before run(). Refuses the job if nobody waits for it any more."""
        if job.is_claimed:
            return False
        if job.deadline is not None and now > job.deadline:
            if job.claim():
                self.counts.deadline_passed += 1
                job.refuse(Refusal.DEADLINE_PASSED)
            return False
        job.busy_since = now
        return True

    def _note_done(self, job: JobT) -> None:
        """On the scoring thread: the job's turn is over."""
        self._done.append(job)
        if self._is_waking or time.monotonic() - job.submitted_at < LINGER_S / 2:
            return  # the loop is about to look anyway
        self._is_waking = True
        try:
            self._attached().call_soon_threadsafe(self._settle_done)
        except RuntimeError:
            return  # the loop is closed: the process ends, and nobody waits for this any more

    def _attached(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("attach() comes first")
        return self._loop

    # --- private

    def _settle_done(self) -> None:
        self._is_waking = False
        done = self._done
        while done:
            self._settle(done.popleft())

    def _settle(self, job: JobT) -> None:
        if job.is_settled:
            return
        job.is_settled = True
        self._open.discard(job)
        if job.watch is not None:
            job.watch.cancel()
        if not job.finished.done():
            job.finished.set_result(None)

    def _linger(self) -> None:
        """Settle quick jobs, and begin to watch the clients of those that wait. A job is looked at twice: in the period
        it came in, and in the next, when it is old enough to wake the loop itself."""
        self._settle_done()
        for job in self._open:
            if job.busy_since is None and job.watch is None and not job.is_claimed:
                job.watch = self._attached().create_task(self._drop_when_gone(job), name="client-watch")
        self._is_lingering = self._came_while_lingering
        self._came_while_lingering = False
        if self._is_lingering:
            self._attached().call_later(LINGER_S, self._linger)

    async def _drop_when_gone(self, job: JobT) -> None:
        await job.client_gone()
        if job.busy_since is None and job.claim():
            self.counts.client_gone += 1
            job.refuse(Refusal.CLIENT_GONE)
            job.watch = None
            self._settle(job)

    def _watch_next(self, at: float, now: float) -> None:
        if self._watch_timer is not None:
            self._watch_timer.cancel()
        self._watch_at = at
        self._watch_timer = self._attached().call_later(max(0.001, at - now), self._watch)

    def _watch(self) -> None:
        """Expire what is over its time, and look again when the next could be. One timer for all requests."""
        self._watch_at = float("inf")
        self._watch_timer = None
        self._settle_done()
        now = time.monotonic()
        due = float("inf")
        for job in list(self._open):
            since = job.busy_since
            ends_at = (now if since is None else since) + self._timeout_s
            if job.deadline is not None and not job.is_streaming:
                ends_at = min(ends_at, max(job.deadline, now + 0.001) if since is None else job.deadline)
            if since is not None and ends_at <= now:
                self._expire(job)
            else:
                due = min(due, ends_at)
        if due < self._watch_at:
            self._watch_next(due, now)

    def _expire(self, job: JobT) -> None:
        if job.claim():
            self.counts.timed_out += 1
            job.refuse(Refusal.TIMED_OUT)
        elif not job.is_streaming:
            return  # its answer is on the way
        self._settle(job)
        self._interrupt(job)
