import json
from pathlib import Path

import pytest

from teal_scoring.failures import PortTaken
from teal_scoring.report import BootReport, publish_to_file


def test_the_report_tells_the_phase_and_when_each_began(tmp_path: Path) -> None:
    times = iter([10.0, 11.5])
    report = BootReport(publish_to_file(tmp_path / "report.json"), lambda: next(times))
    report.begin("importing")
    report.begin("ready")
    assert json.loads((tmp_path / "report.json").read_text()) == {
        "phase": "ready",
        "phases": [{"name": "importing", "started_at": 10.0}, {"name": "ready", "started_at": 11.5}],
        "error": None,
    }
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_failure_carries_code_message_and_hint(tmp_path: Path) -> None:
    report = BootReport(publish_to_file(tmp_path / "report.json"), lambda: 0.0)
    report.fail(PortTaken("Port 1 is in use", "Stop it."))
    assert json.loads((tmp_path / "report.json").read_text())["error"] == {
        "code": "PortTaken",
        "message": "Port 1 is in use",
        "traceback": "",
        "hint": "Stop it.",
    }


def test_a_report_that_cannot_be_written_does_not_stop_the_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    BootReport(publish_to_file(tmp_path / "gone" / "report.json"), lambda: 0.0).begin("importing")
    assert "cannot be written" in caplog.text
