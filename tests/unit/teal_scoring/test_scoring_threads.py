"""Where plain run() calls happen, with jobs whose work the tests hold in their hands."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Iterator

import pytest

from teal_scoring.admission import Job, QueueFull, Refusal
from teal_scoring.scoring_threads import ScoringThreads
from tests.harness.waiting import wait_until


class Held(Job):
    """Runs until it is let go; notes what becomes of it."""

    def __init__(self, deadline: float | None = None) -> None:
        super().__init__(deadline)
        self.begun = threading.Event()
        self.let_go = threading.Event()
        self.left = asyncio.get_running_loop().create_future()
        self.thread = 0
        self.refused: Refusal | None = None
        self.answered = False

    def run(self) -> None:
        self.thread = threading.get_ident()
        self.begun.set()
        self.let_go.wait(20)
        self.answered = self.claim()

    def refuse(self, why: Refusal) -> None:
        self.refused = why

    def client_gone(self) -> Awaitable[None]:
        return self.left


class Threads:
    """Scoring threads of which the first is a thread of the test, not the main one."""

    def __init__(self, limit: int, timeout_s: float = 30.0) -> None:
        self.scoring = ScoringThreads[Held](Held.run, limit=limit, queue=limit, timeout_s=timeout_s)
        self.scoring.attach(asyncio.get_running_loop())
        self._first = threading.Thread(target=self.scoring._run_lane, args=(self.scoring._main,), daemon=True)
        self._first.start()
        self.jobs: list[Held] = []

    def submit(self, deadline: float | None = None) -> Held:
        job = Held(deadline)
        self.scoring.submit(job)
        self.jobs.append(job)
        return job

    async def begun(self, job: Held) -> None:
        await wait_until(job.begun.is_set)

    def close(self) -> None:
        for job in self.jobs:
            job.let_go.set()
        self.scoring.close()
        self._first.join(10)


@pytest.fixture
async def made() -> "Iterator[list[Threads]]":  # type: ignore[misc]
    made: list[Threads] = []
    yield made
    for threads in made:
        threads.close()


async def test_as_many_run_as_the_limit_says_as_many_wait_and_the_next_is_refused(made: list[Threads]) -> None:
    threads = Threads(limit=2)
    made.append(threads)
    running = [threads.submit(), threads.submit()]
    for job in running:
        await threads.begun(job)
    waiting = [threads.submit(), threads.submit()]
    with pytest.raises(QueueFull):
        threads.submit()
    assert threads.scoring.counts.queue_full == 1
    assert threads.scoring.unsettled == 4
    assert not any(job.begun.is_set() for job in waiting)
    assert running[0].thread != running[1].thread


async def test_a_place_is_free_as_soon_as_a_job_is_done_although_the_loop_has_not_looked(made: list[Threads]) -> None:
    threads = Threads(limit=1)
    made.append(threads)
    first, second = threads.submit(), threads.submit()
    await threads.begun(first)
    first.let_go.set()
    while not second.begun.is_set():  # without giving the loop a turn
        time.sleep(0.001)  # noqa: ASYNC251 (that is the point)
    threads.submit()
    assert first.finished.done()


async def test_a_quick_job_is_settled_by_the_timer_and_a_slow_one_wakes_the_loop(made: list[Threads]) -> None:
    threads = Threads(limit=1)
    made.append(threads)
    quick = threads.submit()
    quick.let_go.set()
    await asyncio.wait_for(quick.finished, 10)
    slow = threads.submit()
    await wait_until(lambda: not threads.scoring._is_lingering)  # the timer looks no more
    assert not slow.finished.done()
    slow.let_go.set()
    await asyncio.wait_for(slow.finished, 10)
    assert threads.scoring.unsettled == 0


async def test_a_job_whose_deadline_passed_while_it_waited_never_runs(made: list[Threads]) -> None:
    threads = Threads(limit=1)
    made.append(threads)
    first = threads.submit()
    await threads.begun(first)
    late = threads.submit(deadline=time.monotonic() - 0.001)
    first.let_go.set()
    await asyncio.wait_for(late.finished, 10)
    assert late.refused is Refusal.DEADLINE_PASSED
    assert not late.begun.is_set()
    assert threads.scoring.counts.deadline_passed == 1


async def test_a_job_whose_client_leaves_while_it_waits_gives_its_place_up_at_once(made: list[Threads]) -> None:
    threads = Threads(limit=1)
    made.append(threads)
    first = threads.submit()
    await threads.begun(first)
    left = threads.submit()
    left.left.set_result(None)
    await asyncio.wait_for(left.finished, 10)
    assert left.refused is Refusal.CLIENT_GONE
    assert threads.scoring.unsettled == 1
    after = threads.submit()
    first.let_go.set()
    after.let_go.set()
    await asyncio.wait_for(after.finished, 10)
    assert not left.begun.is_set()
    assert threads.scoring.counts.client_gone == 1


async def test_a_client_that_leaves_a_running_job_changes_nothing(made: list[Threads]) -> None:
    threads = Threads(limit=1)
    made.append(threads)
    job = threads.submit()
    await threads.begun(job)
    job.left.set_result(None)
    job.let_go.set()
    await asyncio.wait_for(job.finished, 10)
    assert job.answered
    assert threads.scoring.counts.client_gone == 0


@pytest.mark.parametrize("by_deadline", [False, True])
async def test_a_job_over_its_time_is_refused_and_its_thread_replaced(made: list[Threads], by_deadline: bool) -> None:
    threads = Threads(limit=1, timeout_s=30 if by_deadline else 0.05)
    made.append(threads)
    stuck = threads.submit(deadline=time.monotonic() + 0.2 if by_deadline else None)
    await asyncio.wait_for(stuck.finished, 10)
    assert stuck.refused is Refusal.TIMED_OUT
    assert threads.scoring.counts.timed_out == 1
    after = threads.submit()
    await threads.begun(after)
    after.let_go.set()
    await asyncio.wait_for(after.finished, 10)
    assert after.answered or by_deadline is False
    assert after.thread != stuck.thread
    stuck.let_go.set()
    await wait_until(lambda: not threads._first.is_alive())
    assert not stuck.answered


async def test_exactly_one_claims_a_job() -> None:
    job = Held()
    claims: list[bool] = []
    threads = [threading.Thread(target=lambda: claims.append(job.claim())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claims) == [False] * 7 + [True]
