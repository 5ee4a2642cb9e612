"""Plain run(): on which threads it happens. Constructed by worker.py.

The first scoring thread is the process's main thread, the one that imported the script and called init(): libraries
that bind state to a thread (sqlite3, torch, TensorFlow) and signal handlers then work as in the reference server, which
has no other thread. More threads start only when the limit allows and requests wait behind slow ones.

A run() over its time is answered at once. The main thread is interrupted by SIGALRM, as in the reference; a thread that
does not come back is left behind and another takes its place, so the process keeps serving.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

from .admission import Admission, Job, JobT, RunInterrupted

INTERRUPT_GRACE_S = 0.5
WORTH_A_THREAD_S = 0.002

logger = logging.getLogger("azmlinfsrv")


class ScoringThreads(Admission[JobT]):
    """Calls `work` for submitted jobs, one after the other on each thread."""

    def __init__(self, work: Callable[[JobT], None], *, limit: int, queue: int, timeout_s: float) -> None:
        super().__init__(limit=limit, queue=queue, timeout_s=timeout_s)
        self._work = work
        self._jobs: SimpleQueue[JobT | None] = SimpleQueue()
        self._main = _Lane()
        self._lanes = [self._main]
        self._is_growing = False
        self._is_a_copy = False

    @property
    def main_is_stuck(self) -> bool:
        """Whether the main thread is still inside a run(), so that the process cannot end through it."""
        return self._main.job is not None

    def run_on_main_thread(self) -> None:
        """Lend the calling thread to run(), until `close`. It must be the main thread, for the sake of SIGALRM."""
        signal.signal(signal.SIGALRM, self._on_alarm)
        self._main.thread_id = threading.get_ident()
        os.register_at_fork(after_in_child=self._become_a_copy)
        self._run_lane(self._main)

    def close(self) -> None:
        """Let every thread end once its request is done. Nothing may be submitted any more."""
        for _ in self._lanes:
            self._jobs.put(None)

    # --- private

    def _dispatch(self, job: JobT) -> None:
        self._jobs.put(job)
        if len(self._lanes) < min(len(self._open), self._limit) and not self._is_growing:
            self._is_growing = True
            self._attached().call_later(WORTH_A_THREAD_S, self._grow)

    def _run_lane(self, lane: "_Lane") -> None:
        next_job, may_begin, work, note_done = self._jobs.get, self._may_begin, self._work, self._note_done
        while not lane.is_left_behind:
            job = next_job()
            if job is None:
                return
            if may_begin(job, time.monotonic()):
                lane.job = job
                try:
                    work(job)
                    lane.job = None
                except RunInterrupted:
                    lane.job = None
                if self._is_a_copy:
                    os._exit(0)  # run() has forked, and this is the child come back: the parent answers
            note_done(job)

    def _become_a_copy(self) -> None:
        self._is_a_copy = True

    def _grow(self) -> None:
        """Start threads for the requests that wait behind slow ones; quick ones are done sooner by few threads."""
        self._is_growing = False
        waiting = min(self._jobs.qsize(), self._limit - len(self._lanes))
        if waiting <= 0:
            return
        slow_since = time.monotonic() - WORTH_A_THREAD_S
        if all(_has_been_busy_since(lane.job, slow_since) for lane in self._lanes):
            for _ in range(waiting):
                self._start_lane()
        else:
            self._is_growing = True
            self._attached().call_later(WORTH_A_THREAD_S, self._grow)

    def _interrupt(self, job: JobT) -> None:
        lane = next((one for one in self._lanes if one.job is job), None)
        if lane is None:
            return
        # A script may have taken the signal for itself; then sending it would do whatever the script meant by it.
        if lane is self._main and lane.thread_id is not None and signal.getsignal(signal.SIGALRM) == self._on_alarm:
            lane.interrupted = job
            signal.pthread_kill(lane.thread_id, signal.SIGALRM)
            self._attached().call_later(INTERRUPT_GRACE_S, self._replace_if_stuck, lane, job)
        else:
            self._replace_if_stuck(lane, job)

    def _replace_if_stuck(self, lane: "_Lane", job: JobT) -> None:
        if lane.job is not job:
            return
        lane.is_left_behind = True
        self._lanes.remove(lane)
        self._start_lane()
        logger.warning(
            "run() is over its time and cannot be interrupted: its thread is left behind, another takes over."
        )

    def _start_lane(self) -> None:
        lane = _Lane()
        self._lanes.append(lane)
        threading.Thread(target=self._run_lane, args=(lane,), name="teal-scoring-run", daemon=True).start()

    def _on_alarm(self, _number: int, _frame: object) -> None:
        job = self._main.job
        if job is not None and job is self._main.interrupted:
            self._main.interrupted = None
            raise RunInterrupted


class _Lane:
    """One thread and the job in its hands."""

    __slots__ = ("interrupted", "is_left_behind", "job", "thread_id")

    def __init__(self) -> None:
        self.job: Job | None = None
        self.interrupted: Job | None = None
        self.is_left_behind = False
        self.thread_id: int | None = None


def _has_been_busy_since(job: Job | None, moment: float) -> bool:
    # What a streaming job waits for is its client; its thread is as good as busy.
    return job is not None and (job.busy_since is None or job.busy_since <= moment)
