"""The demo, interrupted: Ctrl-C leaves no process and no folder."""

import signal
import sys
from pathlib import Path

import psutil
import pytest

from examples.demo.scratch import processes_in
from tests.harness.processes import running_process
from tests.harness.waiting import wait_until_sync

ROOT = Path(__file__).parents[2]
INTERRUPTED = 130


@pytest.mark.parametrize("moment", ["starting the server", "creating blue"])
def test_ctrl_c_leaves_nothing_running(moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.chdir(ROOT)
    with running_process([sys.executable, "-m", "examples.demo"], log_path=tmp_path / "demo.log") as demo:
        wait_until_sync(lambda: moment in demo.output, within_s=60)
        wait_until_sync(lambda: servers_in(scratch), within_s=60)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(within_s=60) == INTERRUPTED, demo.output
    assert not list(processes_in(scratch))
    assert not list(scratch.glob("teal-demo-*"))


# --- private


def servers_in(scratch: Path) -> list[psutil.Process]:
    return [process for process in processes_in(scratch) if "teal.server" in process.cmdline()]
