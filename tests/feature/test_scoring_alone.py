"""`teal-score` started by hand, as the reference server is: nobody else starts it again, or says how many may run."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.harness.ports import free_port
from tests.harness.processes import ChildProcess, start_process
from tests.harness.scoring import SCRIPTS
from tests.harness.waiting import wait_until, wait_until_sync


class Alone:
    """A server without the variables that an instance of a deployment gets."""

    def __init__(self, folder: Path, script: str, *arguments: str) -> None:
        self.port = free_port()
        argv = [sys.executable, "-m", "teal_scoring", "--entry_script", str(SCRIPTS / script)]
        env = {"PATH": os.environ["PATH"]}
        log = folder / "log"
        self.process: ChildProcess = start_process(
            [*argv, "--port", str(self.port), *arguments], log_path=log, env=env, cwd=folder
        )
        self.url = f"http://127.0.0.1:{self.port}/score"

    @property
    def workers(self) -> list[int]:
        return [int(pid) for pid in re.findall(r"Worker with pid (\d+) ready", self.process.output)]

    def await_workers(self, count: int) -> None:
        wait_until_sync(lambda: len(self.workers) == count, within_s=30, describe=lambda: self.process.output)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Alone]:
    server = Alone(tmp_path, "unkind.py")
    yield server
    server.process.kill()


async def test_more_than_may_run_wait_and_a_worker_that_dies_is_replaced_behind_the_same_port(alone: Alone) -> None:
    alone.await_workers(1)
    every_time_anew = httpx.Limits(max_keepalive_connections=0)
    text = {"content-type": "text/plain"}
    async with httpx.AsyncClient(timeout=30, headers=text, limits=every_time_anew) as client:
        many = await asyncio.gather(*(client.post(alone.url, content="well") for _ in range(20)))
        assert {answer.status_code for answer in many} == {200}
        killed = alone.workers[0]
        os.kill(killed, signal.SIGKILL)
        await wait_until(lambda: not psutil.pid_exists(killed))
        assert (await client.post(alone.url, content="well")).json() == "well"  # it waited for the new worker
        with pytest.raises(httpx.TransportError):
            await client.post(alone.url, content="leave")
        await wait_until(lambda: "ended with status 5 and is replaced" in alone.process.output)
        assert (await client.post(alone.url, content="well")).json() == "well"
    assert len(alone.workers) == 3
    alone.process.send_signal(signal.SIGKILL)

    def refuses() -> bool:
        try:
            httpx.post(alone.url, content="well")
        except httpx.ConnectError:
            return True
        return False

    await wait_until(refuses, within_s=10)


def test_settings_and_the_reason_of_a_failed_start_are_printed_where_the_log_is(tmp_path: Path) -> None:
    alone = Alone(tmp_path, "bad_indent.py", "--worker_count", "2")
    assert alone.process.wait(within_s=30) == 3
    printed = alone.process.output
    assert f"Server Port: {alone.port}\n" in printed
    assert "Worker Count: 2\n" in printed
    assert "IndentationError: expected an indented block" in printed
    assert "UserScriptSyntaxError: " in printed


def test_a_worker_that_is_killed_before_it_serves_is_told_of_in_the_log(tmp_path: Path) -> None:
    alone = Alone(tmp_path, "init_killed.py")
    assert alone.process.wait(within_s=30) == 3
    assert "WorkerKilled: A worker was killed by signal 9 while initialising" in alone.process.output
    assert "choose a larger instance_type" in alone.process.output
