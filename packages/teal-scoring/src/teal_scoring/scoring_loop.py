"""`async def run()`: many at once on one event loop, which lives on the main thread. Constructed by worker.py.

It is a loop of the script's own, not the one that serves HTTP: a run() that blocks it delays other run() calls only.
init() may be a coroutine too and runs on it, so that clients and locks made there belong to the right loop.
"""

import asyncio
import collections
import contextlib
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from .admission import Admission, JobT, RunInterrupted


class ScoringLoop(Admission[JobT]):
    """Awaits `work` for submitted jobs, at most `limit` at once, in the order they came."""

    def __init__(
        self,
        work: Callable[[JobT], Coroutine[Any, Any, None]],
        loop: asyncio.AbstractEventLoop,
        *,
        limit: int,
        queue: int,
        timeout_s: float,
    ) -> None:
        super().__init__(limit=limit, queue=queue, timeout_s=timeout_s)
        self._work = work
        self._own = loop
        self._waiting: collections.deque[JobT] = collections.deque()
        self._tasks: dict[JobT, asyncio.Task[None]] = {}
        self._closing: asyncio.Future[None] = loop.create_future()
        self._thread_id = 0
        self._interrupted: JobT | None = None

    @property
    def main_is_stuck(self) -> bool:
        return bool(self._tasks)

    def run_on_main_thread(self) -> None:
        """Run the script's loop until `close`."""
        self._thread_id = threading.get_ident()
        signal.signal(signal.SIGALRM, self._on_alarm)
        self._own.run_until_complete(self._closing)
        run_to_end(self._own)

    def close(self) -> None:
        """Let the loop end."""
        with contextlib.suppress(RuntimeError):
            self._own.call_soon_threadsafe(self._closing.set_result, None)

    # --- private

    def _dispatch(self, job: JobT) -> None:
        self._own.call_soon_threadsafe(self._take, job)

    def _interrupt(self, job: JobT) -> None:
        """Cancel the task; and where it keeps the loop from noticing, raise inside it."""
        with contextlib.suppress(RuntimeError):
            self._own.call_soon_threadsafe(self._cancel, job)
        if signal.getsignal(signal.SIGALRM) == self._on_alarm:  # and not the script's own
            self._interrupted = job
            signal.pthread_kill(self._thread_id, signal.SIGALRM)

    # on the script's loop

    def _take(self, job: JobT) -> None:
        if len(self._tasks) >= self._limit:
            self._waiting.append(job)
        else:
            self._start(job)

    def _start(self, job: JobT) -> None:
        if not self._may_begin(job, time.monotonic()):
            self._note_done(job)
            return
        self._tasks[job] = self._own.create_task(self._do(job), name="run")

    async def _do(self, job: JobT) -> None:
        try:
            await self._work(job)
        except (RunInterrupted, asyncio.CancelledError):
            pass  # answered by whoever ended it
        finally:
            del self._tasks[job]
            self._note_done(job)
            while self._waiting and len(self._tasks) < self._limit:
                self._start(self._waiting.popleft())

    def _cancel(self, job: JobT) -> None:
        task = self._tasks.get(job)
        if task is not None:
            task.cancel()

    def _on_alarm(self, _number: int, _frame: object) -> None:
        job, self._interrupted = self._interrupted, None
        if job is None or not self._own.is_running():
            return
        task = self._tasks.get(job)
        if task is not None and asyncio.current_task(self._own) is task:
            raise RunInterrupted


def run_init_on(loop: asyncio.AbstractEventLoop, returned: object) -> None:
    """If init() was a coroutine, run it to its end."""
    if isinstance(returned, Awaitable):
        loop.run_until_complete(_await(returned))


def run_to_end(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what the script left running, and close its generators."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=1.0))
    loop.run_until_complete(loop.shutdown_asyncgens())


# --- private


async def _await(awaitable: Awaitable[object]) -> None:
    await awaitable
