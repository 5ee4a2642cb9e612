"""A whole server on free ports in a folder of its own, and the `teal` command line that talks to it, both as real
processes. For feature tests that say what a person would type."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE_S = 180


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Types commands in `folder`, to the server of `folder/data`."""

    folder: Path
    environ: Mapping[str, str] = field(repr=False)

    def teal(self, *words: str) -> Answer:
        """Run one command to its end, whatever its exit status."""
        return self.run(sys.executable, "-m", "teal.cli.main", *words)

    def must(self, *words: str) -> Answer:
        """Run one command that has to succeed."""
        answer = self.teal(*words)
        assert answer.status == 0, f"teal {' '.join(words)}\n{answer.out}\n{answer.err}"
        return answer

    def run(self, *words: str) -> Answer:
        """Run any program with the same environment."""
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)


@contextmanager
def running_teal(folder: Path) -> Iterator[CommandLine]:
    """`teal up` before, `teal down` after, also after a failure."""
    ours = {"TEAL_DATA_DIR": str(folder / "data"), "TEAL_CONFIG_DIR": str(folder / "config")}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TEAL_")}
    line = CommandLine(folder, {**kept, **ours})
    try:
        line.must("up", "--detach", "--port", "0", "--gateway-port", "0")
        yield line
    finally:
        if line.teal("down").status != 0:
            _kill_server(folder / "data")


def with_az(line: CommandLine) -> CommandLine:
    """The same command line as after `eval "$(teal env --az)"`: a program named `az` is on the path, and is `teal`."""
    return CommandLine(line.folder, {**line.environ, **line.must("env", "--az", "--json").json})


# --- private


def _kill_server(data: Path) -> None:
    with suppress(OSError, ValueError, KeyError):
        os.kill(int(json.loads((data / "server.json").read_text())["pid"]), signal.SIGKILL)
