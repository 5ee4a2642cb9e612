import sys
from types import SimpleNamespace

import pytest

from teal_scoring.debugger import attach_debugger
from teal_scoring.failures import DebuggerMissing


def test_a_worker_connects_to_the_debugger_and_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []
    debugpy = SimpleNamespace(connect=done.append, wait_for_client=lambda: done.append("waited"))
    monkeypatch.setitem(sys.modules, "debugpy", debugpy)
    attach_debugger(5678)
    assert done == [5678, "waited"]


def test_nothing_waits_where_no_port_is_named() -> None:
    attach_debugger(None)


def test_a_port_without_debugpy_is_an_error_that_says_what_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "debugpy", None)
    with pytest.raises(DebuggerMissing, match="debugpy is not installed"):
        attach_debugger(5678)
