import asyncio
import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from teal.gateway.pid_file import (
    find_by_argument,
    is_running,
    load_record,
    observe_record,
    save_record,
    wait_for_exit,
)
from tests.harness.processes import start_process

SLEEP = "import time; time.sleep(60)"


def test_a_record_is_read_as_it_was_written_and_is_private(tmp_path: Path) -> None:
    record = observe_record(os.getpid(), "config")
    for _ in range(2):
        save_record(tmp_path / "pid", record)
    assert load_record(tmp_path / "pid") == record
    assert stat.S_IMODE((tmp_path / "pid").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["pid"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', "7"])
def test_an_unreadable_record_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text)
    assert load_record(tmp_path / "pid") is None
    assert load_record(tmp_path / "none") is None


def test_only_the_very_same_process_counts_as_running(tmp_path: Path) -> None:
    child = start_process([sys.executable, "-c", SLEEP, "marker"], log_path=tmp_path / "log")
    record = observe_record(child.pid, "config")
    assert is_running(record, "marker")
    assert find_by_argument("marker") == child.pid
    assert not is_running(record, "another argument")
    assert not is_running(replace(record, started_at=record.started_at - 60), "marker")
    child.kill()
    assert not is_running(record, "marker")
    assert find_by_argument("marker") is None


@pytest.mark.parametrize("by_pidfd", [True, False])
async def test_the_end_of_a_process_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_pidfd: bool) -> None:
    if not by_pidfd:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    child = start_process([sys.executable, "-c", SLEEP], log_path=tmp_path / "log")
    waiting = asyncio.create_task(wait_for_exit(child.pid))
    done, _ = await asyncio.wait([waiting], timeout=0.3)
    assert not done
    os.kill(child.pid, 9)
    await asyncio.wait_for(waiting, 10)
    child.kill()


async def test_a_process_that_is_gone_already_is_not_waited_for(tmp_path: Path) -> None:
    child = start_process([sys.executable, "-c", ""], log_path=tmp_path / "log")
    child.wait()
    await asyncio.wait_for(wait_for_exit(child.pid), 10)
