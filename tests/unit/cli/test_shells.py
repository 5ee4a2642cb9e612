"""`teal env` in the grammar of each shell, evaluated by the shells that are there."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from teal.cli.shells import format_exports, guess_shell
from tests.unit.cli.conftest import Teal

AWKWARD = {"ONE": 'it\'s $HOME `x` \\ "q"', "TWO": "", "THREE": "a b;c&d"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_reads_back_what_was_meant(shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    script = format_exports(AWKWARD, shell) + 'printf "%s|" "$ONE" "$TWO" "$THREE"\n'
    done = subprocess.run([program, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "".join(f"{value}|" for value in AWKWARD.values())


def test_fish_has_a_grammar_of_its_own() -> None:
    written = format_exports({"A": "it's \\", "PATH": "/one:/two"}, "fish")
    assert written == "set -gx A 'it\\'s \\\\'\nset -gx PATH '/one' '/two'\n"


def test_the_shell_is_guessed_from_the_login_shell() -> None:
    assert guess_shell({"SHELL": "/usr/bin/fish"}) == "fish"
    assert guess_shell({"SHELL": "/bin/zsh"}) == guess_shell({}) == "bash"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "server.json").write_text(json.dumps({"url": "http://127.0.0.1:1"}))
    return folder


def test_env_prints_lines_or_json(teal: Teal, folder: Path) -> None:
    said = teal("env", "--data-dir", str(folder), "--shell", "bash", "--workspace-name", "mine")
    assert said.status == 0
    assert "export AZUREML_ARM_WORKSPACE_NAME=mine\n" in said.out
    assert all(line.startswith("export ") for line in said.out.splitlines())
    found = teal("env", "--data-dir", str(folder), "--json").json
    assert found["IDENTITY_ENDPOINT"] == "http://127.0.0.1:1/msi/token"
    assert found["AZUREML_ARM_WORKSPACE_NAME"] == "default"


def test_env_warns_of_another_identity(teal: Teal, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.setenv(name, "x")
    said = teal("env", "--data-dir", str(folder))
    assert "`unset AZURE_CLIENT_SECRET`" in said.err
    assert "AZURE_CLIENT_SECRET" not in said.out


def test_env_without_a_server_prints_nothing_to_evaluate(teal: Teal, tmp_path: Path) -> None:
    said = teal("env", "--data-dir", str(tmp_path / "none"))
    assert (said.status, said.out) == (1, "")
    assert "teal up" in said.err
