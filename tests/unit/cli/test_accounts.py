from pathlib import Path

import pytest

import teal as package
from tests.harness.arm import Arm
from tests.unit.cli.conftest import Teal


def test_defaults_are_kept_and_used(arm: Arm, teal: Teal, tmp_path: Path) -> None:
    assert teal("configure", "--defaults", "workspace=ws", "group=rg").status == 0
    assert teal("account", "set", "--subscription", "my-sub").status == 0
    assert teal("account", "show", "-o", "tsv", "--query", "id").out == "my-sub\n"
    teal("online-endpoint", "show", "-n", "e")
    start = "/subscriptions/my-sub/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws/"
    assert arm.requests[-1].url.path.startswith(start)
    teal("online-endpoint", "show", "-n", "e", "-g", "other", "-w", "w2", "--subscription", "s2")
    assert "/subscriptions/s2/resourceGroups/other/" in arm.requests[-1].url.path
    assert (tmp_path / "config" / "config").stat().st_mode & 0o777 == 0o600


def test_an_empty_value_forgets_a_default(teal: Teal) -> None:
    teal("configure", "--defaults", "workspace=ws", "group=rg%20x")
    teal("configure", "--defaults", "workspace=")
    found = teal("configure", "--list-defaults").json
    assert [(each["name"], each["value"]) for each in found if each["source"] != "default"] == [("group", "rg%20x")]


def test_a_default_nobody_reads_is_pointed_out(teal: Teal) -> None:
    said = teal("configure", "--defaults", "workspce=ws")
    assert said.status == 0
    assert "'workspce' is kept, but no command reads it" in said.err


def test_version_in_both_ways(teal: Teal) -> None:
    assert teal("version", "-o", "tsv", "--query", "teal").out == f"{package.__version__}\n"
    assert teal("--version").out.startswith(f"teal {package.__version__}\n")


def test_no_server_is_one_sentence_and_what_to_do(teal: Teal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEAL_URL", raising=False)
    monkeypatch.setenv("TEAL_DATA_DIR", str(tmp_path / "none"))
    said = teal("online-endpoint", "list")
    assert said.status == 1
    assert said.err == (
        f"ERROR: No Teal server is running in {tmp_path / 'none'}.\n"
        "Start one with `teal up`, or set TEAL_URL (and TEAL_TOKEN, TEAL_CA) to talk to one elsewhere.\n"
    )
