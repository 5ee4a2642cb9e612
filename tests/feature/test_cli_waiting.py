"""A command that waits: it outlives the server, and leaves it alone when it is told to stop waiting."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.command_line import CommandLine, running_teal
from tests.harness.processes import ChildProcess, running_process
from tests.harness.samples import write_samples
from tests.harness.waiting import wait_until_sync

GREEN = ("online-deployment", "create", "-n", "green", "-e", "slow", "-f")
SHOW = ("online-deployment", "show", "-n", "green", "-e", "slow")


@pytest.fixture
def line(tmp_path: Path) -> Iterator[CommandLine]:
    online = write_samples(tmp_path)
    score = online / "model-2" / "onlinescoring" / "score.py"
    # It gets ready once this file is there, so that the test decides when.
    gate = f"\n    import time\n    while not os.path.exists({str(tmp_path / 'go')!r}):\n        time.sleep(0.05)\n"
    score.write_text(score.read_text().replace("def init():\n", f"def init():{gate}"))
    with running_teal(tmp_path) as line:
        line.must("online-endpoint", "create", "-n", "slow")
        yield line


@pytest.fixture
def waiting(line: CommandLine) -> Iterator[ChildProcess]:
    """A create of green that waits for init()."""
    argv = [sys.executable, "-m", "teal.cli.main", *GREEN, "endpoints/online/managed/sample/green-deployment.yml"]
    with running_process(argv, log_path=line.folder / "create.log", env=line.environ, cwd=line.folder) as child:
        wait_until_sync(lambda: phase(line) == "initialising", within_s=60)
        yield child


def phase(line: CommandLine) -> str:
    return line.teal(*SHOW, "-o", "tsv", "--query", "observed.phase").out.strip()


def test_a_waiting_command_outlives_a_killed_server(line: CommandLine, waiting: ChildProcess) -> None:
    os.kill(line.must("status").json["pid"], signal.SIGKILL)
    wait_until_sync(lambda: line.teal("status").status == 3, within_s=30)
    assert line.teal(*SHOW).status == 1
    line.must("up", "--detach")
    (line.folder / "go").touch()
    assert waiting.wait(within_s=90) == 0, waiting.output
    assert '"provisioning_state": "Succeeded"' in waiting.output


def test_an_interrupt_ends_the_waiting_and_not_the_change(line: CommandLine, waiting: ChildProcess) -> None:
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait(within_s=30) == 130
    assert "No longer waiting; the server goes on creating green." in waiting.output
    (line.folder / "go").touch()
    wait_until_sync(lambda: phase(line) == "in service", within_s=60)
