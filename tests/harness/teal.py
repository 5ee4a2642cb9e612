"""A whole server as a process in the foreground, in a folder of its own: started, signalled, killed, started again.

Whatever a test does to it, nothing of it outlives the test: `teal down` ends what was left behind, by the pids in the
data directory.
"""

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.harness.processes import ChildProcess, start_process
from tests.harness.waiting import wait_until_sync

READY_WITHIN_S = 40.0
FREE_PORTS = ("--port", "0", "--gateway-port", "0")


class TealServer:
    """The server of one data directory, running or not."""

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        self.folder = folder
        self._python = python
        self.data_dir = folder / "data"
        self.process: ChildProcess | None = None
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TEAL_")}
        self.environ = {
            **kept, "TEAL_DATA_DIR": str(self.data_dir), "TEAL_CONFIG_DIR": str(folder / "config"), "TEAL_DRAIN_S": "5",
        }  # fmt: skip
        self._starts = 0
        self._folders: tuple[str, ...] = (str(self.data_dir),)
        self.up_words = ("-m", "teal.cli.main", "up")

    def start(self, *words: str) -> ChildProcess:
        """`teal up`, without waiting for anything."""
        self._starts += 1
        log_path = self.folder / f"up-{self._starts}.txt"
        self.process = start_process(
            [self._python, *self.up_words, *(words or FREE_PORTS)], log_path=log_path, env=self.environ
        )
        return self.process

    def up(self, *words: str) -> dict[str, Any]:
        """`teal up`, and what the server says of itself once it is ready."""
        process = self.start(*words)

        def is_ready() -> bool:
            assert process.returncode is None, process.output
            return self.said.get("pid") == process.pid and "Ctrl-C" in process.output

        wait_until_sync(is_ready, READY_WITHIN_S, describe=lambda: process.output)
        self._remember_run_dir()
        return self.said

    @property
    def said(self) -> dict[str, Any]:
        """The content of server.json; empty when there is none."""
        try:
            content: dict[str, Any] = json.loads((self.data_dir / "server.json").read_text())
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return content

    @property
    def envoy_pid(self) -> int | None:
        """The gateway's process, if it lives; of several the one that was started last."""
        return next(iter(self.envoy_pids), None)

    @property
    def envoy_pids(self) -> list[int]:
        """All of them, the newest first: one that is being replaced stays for its last clients."""
        self._remember_run_dir()
        found = []
        for process in psutil.process_iter(["cmdline", "status", "create_time"]):
            words = process.info["cmdline"] or []
            is_ours = any(word.startswith(self._folders) and word.endswith("envoy.json") for word in words)
            if is_ours and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append((process.info["create_time"], int(process.pid)))
        return [pid for _, pid in sorted(found, reverse=True)]

    def list_processes(self) -> list[str]:
        """The command lines of everything alive that has to do with this data directory."""
        found = []
        for process in psutil.process_iter(["pid", "cmdline", "status"]):
            line = " ".join(process.info["cmdline"] or [])
            if any(folder in line for folder in self._folders) and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(line)
        return found

    def teal(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command to its end."""
        return self.run(*self.command(*words))

    def command(self, *words: str) -> list[str]:
        """The words a shell would be given for one command."""
        return [self._python, "-m", "teal.cli.main", *words]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Any program, with the same environment, to its end."""
        done = subprocess.run(
            words,
            env=self.environ, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=READY_WITHIN_S * 3, check=False,
        )  # fmt: skip
        self._remember_run_dir()
        return done

    def must(self, *words: str) -> str:
        """One command that has to succeed; what it printed."""
        done = self.teal(*words)
        assert done.returncode == 0, f"teal {' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def kill_control_plane(self) -> None:
        """SIGKILL, for the control plane alone."""
        os.kill(self.said["pid"], signal.SIGKILL)
        if self.process and self.process.pid == self.said["pid"]:
            self.process.popen.wait()

    def client(self) -> httpx.Client:
        """Talks to the control plane like anybody who may."""
        token = (self.data_dir / "token").read_text().strip()
        return httpx.Client(
            base_url=self.said["url"],
            headers={"Authorization": f"Bearer {token}"},
            verify=ssl.create_default_context(cafile=self.data_dir / "ca.pem"),
            trust_env=False,
        )

    def _remember_run_dir(self) -> None:
        """Where its sockets lie: elsewhere than in a data directory whose name is too long for them."""
        with suppress(FileNotFoundError, NotADirectoryError):
            self._folders = (str(self.data_dir), (self.data_dir / "run_dir").read_text().strip())


@contextmanager
def teal_server(folder: Path, python: str = sys.executable) -> Iterator[TealServer]:
    """A server to be started; ended, with everything it has started, when the block is left. `python` has Teal."""
    server = TealServer(folder, python)
    try:
        yield server
    finally:
        if server.process and server.process.returncode is None:
            server.process.terminate()
            try:
                server.process.wait(30)
            finally:
                server.process.kill()
        server.teal("down")
        assert not server.list_processes()
