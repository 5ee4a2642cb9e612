"""The CLI in process, over a hand-written server on a real socket."""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from teal.cli.main import run
from tests.harness.arm import Arm, serve


@dataclass(frozen=True, slots=True)
class Said:
    """What a command answered."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Teal = Callable[..., Said]


@pytest.fixture
def arm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Arm]:
    arm = Arm()
    with serve(arm) as url:
        monkeypatch.setenv("TEAL_URL", url)
        monkeypatch.setenv("TEAL_TOKEN", "secret")
        yield arm


@pytest.fixture
def teal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Teal:
    shell = ("AZUREML_ARM_SUBSCRIPTION", "AZUREML_ARM_RESOURCEGROUP", "AZUREML_ARM_WORKSPACE_NAME")
    for name in ("TEAL_CA", "TEAL_DATA_DIR", *shell):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEAL_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Said:
        capsys.readouterr()
        # knack sets its handlers up once a process, on the stderr of that moment, unless somebody else has.
        root, level = logging.getLogger(), logging.getLogger().level
        logging.getLogger("cli").handlers.clear()
        with monkeypatch.context() as patch:
            patch.setattr(root, "handlers", [])
            status = run(list(words))
        root.setLevel(level)
        said = capsys.readouterr()
        return Said(status, said.out, said.err)

    assert not sys.stdin.isatty()
    return call
