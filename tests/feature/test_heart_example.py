"""The heart disease example: the demo as people start it, and the notebook, in an environment of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

from benchmarks.teal_server import running_teal
from examples.demo.scratch import processes_in
from examples.heart.__main__ import EXAMPLE, LOCK, OVERRIDES
from tests.harness.processes import running_process

pytestmark = [pytest.mark.mlflow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
RUN = "import nbclient, nbformat; nbclient.execute(nbformat.read('heart.ipynb', 4), timeout=600, kernel_name='python3')"


def test_the_demo_gets_every_answer_that_the_models_gave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.chdir(ROOT)
    with running_process([sys.executable, "-m", "examples.heart"], log_path=tmp_path / "demo.log") as demo:
        assert demo.wait(within_s=600) == 0, demo.output
    assert "every answer is the model's own" in demo.output
    assert "Column 'age'" in demo.output
    assert not list(processes_in(scratch))
    assert not list(scratch.glob("teal-heart-*"))


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "environment/bin/python"
    install(python, "--no-deps", "--require-hashes", "-r", str(LOCK))
    install(python, "--override", str(OVERRIDES), "nbclient", "ipykernel", str(ROOT))
    folder = tmp_path / "heart"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", "models"))
    for name in ("TEAL_DATA_DIR", "TEAL_CONFIG_DIR"):
        monkeypatch.setenv(name, "")  # so that what running_teal sets goes with the test
    with running_teal(tmp_path / "data"):
        shutil.copyfile(OVERRIDES, tmp_path / "data/model-overrides.txt")
        environ = {name: value for name, value in os.environ.items() if name.startswith(("TEAL_", "PATH"))}
        environ |= {"HOME": str(tmp_path), "MLFLOW_DISABLE_TELEMETRY": "true"}
        done = subprocess.run([python, "-c", RUN], cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not list(processes_in(tmp_path))


# --- private


def install(python: Path, *words: str) -> None:
    uv = find_uv_bin()
    if not python.exists():
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, python.parents[1]], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *words], check=True)
