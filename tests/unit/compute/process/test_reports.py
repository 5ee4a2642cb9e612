"""Why an instance ended, from what is left of it."""

from pathlib import Path

import pytest

from teal.compute.process.directories import Exit
from teal.compute.process.reports import BootReport, build_exit_failure, is_permanent, load_report
from teal.domain.failures import Failure

READY = BootReport("ready", (), None)
REFUSED = BootReport("failed", (), Failure(code="UserScriptInitFailed", message="init() raised", traceback="Traceback"))


def build(report: BootReport | None, ended: Exit | None, memory_bytes: int | None = None) -> Failure:
    return build_exit_failure(report, ended, memory_bytes=memory_bytes, limit_bytes=2 << 30, log_tail="last line\n")


def exited(code: int) -> Exit:
    return Exit(code, None, 0.0, 0)


def killed(number: int) -> Exit:
    return Exit(None, number, 0.0, 0)


def test_the_scripts_own_report_is_the_reason() -> None:
    failure = build(REFUSED, exited(3))
    assert (failure.code, failure.traceback, failure.exit_code) == ("UserScriptInitFailed", "Traceback", 3)
    assert is_permanent(REFUSED, exited(3))


@pytest.mark.parametrize(
    ("report", "ended"), [(REFUSED, killed(9)), (REFUSED, None), (READY, exited(3)), (None, exited(3)), (None, None)]
)
def test_only_a_reported_boot_failure_is_permanent(report: BootReport | None, ended: Exit | None) -> None:
    assert not is_permanent(report, ended)


def test_a_crash_says_when_how_and_what_to_do() -> None:
    failure = build(READY, killed(11))
    assert (failure.code, failure.signal, failure.exit_code) == ("InstanceExited", "SIGSEGV", None)
    assert "in service" in failure.message
    assert "native library" in (failure.hint or "")
    assert "before it was ready" in build(None, exited(0)).message


def test_an_unknown_kill_points_at_memory() -> None:
    assert "memory" in (build(READY, killed(9)).hint or "")


def test_memory_is_told_with_both_numbers() -> None:
    failure = build(READY, killed(9), memory_bytes=3 << 30)
    assert failure.code == "OutOfMemory"
    assert "3.00 GiB" in failure.message
    assert "2.00 GiB" in failure.message


def test_a_killed_shim_is_told_as_such() -> None:
    assert "watches the instance was killed" in build(READY, None).message


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"phase": "ready", "phases": [1]}', '{"phase": 1, "error": {}}']
)
def test_a_report_in_no_known_form_counts_as_none_or_says_little(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text)
    report = load_report(tmp_path / "report.json")
    assert report is None or report.failure is None


def test_a_report_is_read_as_the_scoring_server_writes_it(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(
        '{"phase": "failed", "phases": [{"name": "importing", "started_at": 1.5}],'
        ' "error": {"code": "C", "message": "m", "traceback": "t", "hint": null}}'
    )
    report = load_report(tmp_path / "report.json")
    assert report is not None
    assert report.failure == Failure(code="C", message="m", traceback="t")
    assert (report.phases[0].name, report.phases[0].started_at) == ("importing", 1.5)
    assert load_report(tmp_path / "missing.json") is None


def test_a_process_that_ended_itself_says_so() -> None:
    failure = build(None, exited(7))
    assert (failure.code, failure.exit_code) == ("InstanceExited", 7)
    assert failure.hint is not None
    assert "os._exit" in failure.hint
