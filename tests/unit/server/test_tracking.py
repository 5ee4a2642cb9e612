"""When tracking processes start and end. The program in MLflow's place answers with its process id."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from teal.api.mlflow.tracker import TrackingRequest
from teal.domain.resource_ids import WorkspaceId
from teal.server.tracking import TrackingServers, TrackingSettings
from tests.harness.waiting import wait_until

WORKSPACE = WorkspaceId("s", "g", "w")
PROGRAM = """\
import http.server, os, socketserver, sys, threading, time

class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.5 if self.path == "/slow" else 0)
        body = str(os.getpid()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return ""

    def log_message(self, *_):
        pass

class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

threading.Thread(target=Server(sys.argv[2], Answers).serve_forever, daemon=True).start()
sys.stdin.read()
os._exit(0)
"""


def build_servers(folder: Path, idle_s: float) -> TrackingServers:
    program = folder / "program"
    program.write_text(f"#!{sys.executable}\n{PROGRAM}")
    program.chmod(0o700)
    return TrackingServers(
        TrackingSettings(
            python=str(program),
            folder=folder / "tracking",
            run_dir=folder,
            log_file=folder / "log",
            url="https://127.0.0.1:1",
            token="t",
            ca=folder / "ca.pem",
            idle_s=idle_s,
        )
    )


@pytest.fixture
async def servers(short_folder: Path) -> AsyncIterator[TrackingServers]:
    made = build_servers(short_folder, idle_s=0.2)
    yield made
    await made.close()


async def ask(servers: TrackingServers, path: str = "/") -> int:
    return int((await servers.send(WORKSPACE, TrackingRequest(method="GET", path=path))).body)


def is_there(pid: int) -> bool:
    return psutil.pid_exists(pid)


async def test_a_process_that_nobody_asks_ends_and_the_next_request_starts_another(servers: TrackingServers) -> None:
    first = await ask(servers)
    await wait_until(lambda: not is_there(first))
    second = await ask(servers)
    assert second != first
    await wait_until(lambda: not is_there(second))


async def test_what_is_being_answered_is_not_idle(servers: TrackingServers) -> None:
    slow, quick = await asyncio.gather(ask(servers, "/slow"), ask(servers))
    assert slow == quick
    await wait_until(lambda: not is_there(slow))


async def test_without_an_idle_time_a_process_lives_until_the_end(short_folder: Path) -> None:
    servers = build_servers(short_folder, idle_s=0)
    try:
        pid = await ask(servers)
        assert await ask(servers, "/slow") == pid
        assert is_there(pid)
    finally:
        await servers.close()
    assert not is_there(pid)
