"""Which process a number means."""

import os
import sys
from pathlib import Path

from teal.server.processes import ProcessIdentity, is_alive, observe_process, wait_for_end
from tests.harness.processes import running_process


def test_this_process_lives() -> None:
    assert is_alive(observe_process(os.getpid()))


def test_a_number_used_again_is_another_process() -> None:
    assert not is_alive(ProcessIdentity(os.getpid(), 1.0))


def test_the_end_of_a_process_is_waited_for(tmp_path: Path) -> None:
    with running_process([sys.executable, "-c", "input()"], log_path=tmp_path / "log") as child:
        pass
    assert not is_alive(ProcessIdentity(child.pid, 1.0))
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    with running_process(sleeper, log_path=tmp_path / "log") as child:
        identity = observe_process(child.pid)
        assert not wait_for_end(identity, 0.0)
        child.kill()
        assert wait_for_end(identity, 5.0)
