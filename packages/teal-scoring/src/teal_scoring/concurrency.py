"""How many run() calls happen at once, on which threads, and for how long. Used by http.py (submit) and worker.py.

A request is one of: running (at most `limit`), queued (at most as many again), or refused (QueueFull). The first
scoring thread is the process's main thread, the one that imported the script and called init(): libraries that bind
state to a thread (sqlite3, torch, TensorFlow) and signal handlers then work as in the reference server, which has no
other thread. More threads start only when the limit allows and requests wait behind slow ones.

A run() over its time is answered at once. The main thread is interrupted by SIGALRM, as in the reference; a thread that
does not come back is left behind and another takes its place, so the process keeps serving.
"""

import asyncio
import collections
import logging
import queue
import signal
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Request = TypeVar("Request")
Answer = TypeVar("Answer")

INTERRUPT_GRACE_S = 0.5
WORTH_A_THREAD_S = 0.002

logger = logging.getLogger("azmlinfsrv")


class QueueFull(Exception):
    """As many requests run and wait here as may."""


class DeadlinePassed(Exception):
    """The client's time was over before the request's turn came."""


class RunTimedOut(Exception):
    """run() took longer than it may."""


class RunInterrupted(BaseException):
    """Raised inside run() on the main thread when its time is over. No Exception, so that scripts let it pass."""


class ScoringThreads(Generic[Request, Answer]):
    """Runs `work` for submitted requests. `submit` and everything private belong to the event loop's thread."""

    def __init__(self, work: Callable[[Request], Answer], *, limit: int, timeout_s: float) -> None:
        self._work = work
        self._limit = limit
        self._timeout_s = timeout_s
        self._jobs: queue.SimpleQueue[_Job[Request, Answer] | None] = queue.SimpleQueue()
        self._main = _Lane[Request, Answer]()
        self._lanes = [self._main]
        self._done: collections.deque[tuple[_Job[Request, Answer], Answer | BaseException]] = collections.deque()
        self._is_waking = False
        self._unsettled = 0
        self._watching = False
        self._is_growing = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def limit(self) -> int:
        return self._limit

    @property
    def unsettled(self) -> int:
        """Requests running or queued."""
        return self._unsettled

    @property
    def main_is_stuck(self) -> bool:
        """Whether the main thread is still inside a run(), so that the process cannot end through it."""
        return self._main.job is not None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the loop that will submit. Before the first request."""
        self._loop = loop

    def submit(self, request: Request, deadline: float | None) -> "asyncio.Future[Answer]":
        """The answer to come. `deadline` by time.monotonic(). Raises QueueFull; the future may raise DeadlinePassed or
        RunTimedOut."""
        if self._unsettled >= 2 * self._limit:
            raise QueueFull
        loop = self._attached()
        job: _Job[Request, Answer] = _Job(request, deadline, loop.create_future())
        self._unsettled += 1
        self._jobs.put(job)
        if len(self._lanes) < min(self._unsettled, self._limit) and not self._is_growing:
            self._is_growing = True
            loop.call_later(WORTH_A_THREAD_S, self._grow)
        if not self._watching:
            self._watching = True
            loop.call_later(self._timeout_s, self._watch)
        return job.future

    def run_on_main_thread(self) -> None:
        """Lend the calling thread to run(), until `close`. It must be the main thread, for the sake of SIGALRM."""
        signal.signal(signal.SIGALRM, self._on_alarm)
        self._main.thread_id = threading.get_ident()
        self._run_lane(self._main)

    def close(self) -> None:
        """Let every thread end once its request is done. Nothing may be submitted any more."""
        for _ in self._lanes:
            self._jobs.put(None)

    # --- private

    def _run_lane(self, lane: "_Lane[Request, Answer]") -> None:
        while not lane.is_left_behind:
            job = self._jobs.get()
            if job is None:
                return
            outcome: Answer | BaseException
            if job.deadline is not None and time.monotonic() > job.deadline:
                outcome = DeadlinePassed()
            else:
                lane.started_at = time.monotonic()
                lane.job = job
                try:
                    outcome = self._work(job.request)
                    lane.job = None
                except RunInterrupted:
                    lane.job = None
                    outcome = RunTimedOut()
                except BaseException as error:  # noqa: BLE001 (the edge: a dead thread would answer nobody)
                    lane.job = None
                    outcome = error
            self._done.append((job, outcome))
            if self._is_waking:
                continue  # the loop has been woken and has not yet begun to look: it will find this one too
            self._is_waking = True
            try:
                self._attached().call_soon_threadsafe(self._settle_done)
            except RuntimeError:  # the loop is closed: the process ends, and nobody waits for this answer any more
                return

    def _settle_done(self) -> None:
        self._is_waking = False
        while self._done:
            self._settle(*self._done.popleft())

    def _settle(self, job: "_Job[Request, Answer]", outcome: "Answer | BaseException") -> None:
        if job.is_settled:
            return
        job.is_settled = True
        self._unsettled -= 1
        if job.future.done():
            return
        if isinstance(outcome, BaseException):
            job.future.set_exception(outcome)
        else:
            job.future.set_result(outcome)

    def _grow(self) -> None:
        """Start threads for the requests that wait behind slow ones; quick ones are done sooner by few threads."""
        self._is_growing = False
        waiting = min(self._jobs.qsize(), self._limit - len(self._lanes))
        if waiting <= 0:
            return
        slow_since = time.monotonic() - WORTH_A_THREAD_S
        if all(lane.job is not None and lane.started_at <= slow_since for lane in self._lanes):
            for _ in range(waiting):
                self._start_lane()
        else:
            self._is_growing = True
            self._attached().call_later(WORTH_A_THREAD_S, self._grow)

    def _watch(self) -> None:
        """Expire what is over its time, and look again when the next could be. One timer for all requests."""
        now = time.monotonic()
        due: list[float] = []
        for lane in list(self._lanes):
            job = lane.job
            if job is None or job.is_settled:
                continue
            ends_at = lane.started_at + self._timeout_s
            if ends_at <= now:
                self._expire(lane, job)
            else:
                due.append(ends_at)
        if not due and not self._unsettled:
            self._watching = False
            return
        self._attached().call_later(max(0.001, min(due, default=now + self._timeout_s) - now), self._watch)

    def _expire(self, lane: "_Lane[Request, Answer]", job: "_Job[Request, Answer]") -> None:
        self._settle(job, RunTimedOut())
        if lane is self._main and lane.thread_id is not None:
            lane.interrupted = job
            signal.pthread_kill(lane.thread_id, signal.SIGALRM)
            self._attached().call_later(INTERRUPT_GRACE_S, self._replace_if_stuck, lane, job)
        else:
            self._replace_if_stuck(lane, job)

    def _replace_if_stuck(self, lane: "_Lane[Request, Answer]", job: "_Job[Request, Answer]") -> None:
        if lane.job is not job:
            return
        lane.is_left_behind = True
        self._lanes.remove(lane)
        self._start_lane()
        logger.warning(
            "run() is over its time of %g ms and cannot be interrupted: its thread is left behind, another takes over.",
            self._timeout_s * 1e3,
        )

    def _start_lane(self) -> None:
        lane: _Lane[Request, Answer] = _Lane()
        self._lanes.append(lane)
        threading.Thread(target=self._run_lane, args=(lane,), name="teal-scoring-run", daemon=True).start()

    def _on_alarm(self, _number: int, _frame: object) -> None:
        job = self._main.job
        if job is not None and job is self._main.interrupted:
            self._main.interrupted = None
            raise RunInterrupted

    def _attached(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("attach() comes first")
        return self._loop


class _Job(Generic[Request, Answer]):
    __slots__ = ("deadline", "future", "is_settled", "request")

    def __init__(self, request: Request, deadline: float | None, future: "asyncio.Future[Answer]") -> None:
        self.request = request
        self.deadline = deadline
        self.future = future
        self.is_settled = False


class _Lane(Generic[Request, Answer]):
    """One thread and the job in its hands. `started_at` is written before `job`, and read after it."""

    __slots__ = ("interrupted", "is_left_behind", "job", "started_at", "thread_id")

    def __init__(self) -> None:
        self.job: _Job[Request, Answer] | None = None
        self.started_at = 0.0
        self.interrupted: _Job[Request, Answer] | None = None
        self.is_left_behind = False
        self.thread_id: int | None = None
