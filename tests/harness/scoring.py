"""Scoring servers as processes, for tests/feature/test_scoring_*.py."""

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness.ports import free_port
from tests.harness.processes import ChildProcess, start_process
from tests.harness.waiting import wait_until_sync

SCRIPTS = Path(__file__).parents[1] / "scripts"
JSON = {"content-type": "application/json"}
BEHIND_GATEWAY = {"x-teal-deployment": "blue", **JSON}


@dataclass
class Scoring:
    """One started server and how to talk to it."""

    process: ChildProcess
    port: int
    report_path: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def report(self) -> dict[str, Any]:
        return json.loads(self.report_path.read_text()) if self.report_path.exists() else {"phase": None}

    def score(self, request: Any, headers: dict[str, str] = JSON) -> httpx.Response:
        return httpx.post(f"{self.url}/score", content=json.dumps(request), headers=headers, timeout=30)

    def score_until_cut(self, body: bytes, headers: Mapping[str, str] | None = None) -> str:
        """What arrives of an answer that breaks off."""
        pieces: list[str] = []
        with (
            httpx.stream("POST", f"{self.url}/score", content=body, headers=headers, timeout=30) as answer,
            pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"),
        ):
            pieces.extend(answer.iter_text())
        return "".join(pieces)

    def count(self, reason: str) -> int:
        """How many requests were dropped for that reason, or `in_hand`, by its own metrics."""
        lines = httpx.get(f"{self.url}/metrics").text.splitlines()
        return sum(int(float(line.split()[-1])) for line in lines if reason in line and line[0] != "#")

    def await_phase(self, phase: str) -> None:
        wait_until_sync(
            lambda: self.report["phase"] == phase or self.process.returncode is not None,
            within_s=30,
            describe=lambda: self.process.output,
        )
        assert self.report["phase"] == phase, self.process.output

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


Start = Callable[..., Scoring]


@contextmanager
def scoring_servers(folder: Path) -> Iterator[Start]:
    """A function that starts servers; all of them end with the block."""
    started: list[Scoring] = []

    def start_server(script: str | Path, *arguments: str, port: int | None = None, **environ: str) -> Scoring:
        number = len(started)
        port = port or free_port()
        report_path = folder / f"report-{number}.json"
        env = {
            "PATH": os.environ["PATH"],
            "AML_APP_ROOT": str(SCRIPTS),
            "TEAL_SCORING_REPORT": str(report_path),
            "TEAL_MAX_CONCURRENT": "1",
            **environ,
        }
        argv = [sys.executable, "-m", "teal_scoring", "--entry_script", script, "--port", str(port), *arguments]
        process = start_process(argv, log_path=folder / f"log-{number}", env=env, cwd=folder)
        started.append(Scoring(process, port, report_path))
        return started[-1]

    try:
        yield start_server
    finally:
        for one in started:
            one.process.kill()


def ready(start: Start) -> Start:
    """The same, waiting until the server serves."""

    def serve(*arguments: Any, **environ: Any) -> Scoring:
        scoring = start(*arguments, **environ)
        scoring.await_phase("ready")
        return scoring

    return serve
