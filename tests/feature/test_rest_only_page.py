"""The page on deploying with curl: its commands, in one shell, as they stand there."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.teal import FREE_PORTS, TealServer, teal_server

PAGE = Path(__file__).parents[2] / "docs" / "rest-only.md"
WITHIN_S = 150


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TealServer]:
    with teal_server(tmp_path) as server:
        server.must("up", "--detach", *FREE_PORTS)
        yield server


def test_every_command_of_the_page_works(server: TealServer, tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) > 8
    folder = tmp_path / "work"
    folder.mkdir()
    script = "set -euo pipefail\n" + "\n".join(blocks) + '\necho "the end"\n'
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=server.environ,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.rstrip().endswith("the end"), done.stdout
    assert '{"sum":11}' in done.stdout.replace(" ", "")
    assert "absent.py" in done.stdout
    assert "this cannot be" not in done.stdout
