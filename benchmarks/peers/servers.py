"""Python servers that people pick instead, each in an environment of its own and called directly, with no gateway at
all. Used by __main__.py; installed when they are asked for first."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from benchmarks.load import Load, answers
from benchmarks.scoring_peers import PEERS, TEAL, Peer
from tests.harness.waiting import wait_until_sync

SCRIPTS = Path(__file__).parent / "scripts"
BODY = json.dumps({"data": [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]})
STARTED_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Server:
    """A peer, and the variables that it needs."""

    peer: Peer
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return self.peer.name


@contextmanager
def running(server: Server, folder: Path) -> Iterator[tuple[Load, list[psutil.Process]]]:
    """The server once it answers: what to send, and the processes that serve it."""
    process, port = server.peer.start("sum_rows", folder, **dict(server.variables))
    body = server.peer.wrap(BODY)
    load = Load(port=port, path=server.peer.path, headers={"Content-Type": "application/json"}, body=body)
    try:
        wait_until_sync(partial(_answers, load), STARTED_WITHIN_S, every_s=0.2, describe=lambda: process.output)
        root = psutil.Process(process.pid)
        yield load, [root, *root.children(recursive=True)]
    finally:
        _end(psutil.Process(process.pid))
        process.kill()


# --- private


def _answers(load: Load) -> bool:
    try:
        return answers(load)
    except (ConnectionError, OSError):
        return False


def _end(root: psutil.Process) -> None:
    """Ray's processes make sessions of their own: they are ended one by one."""
    children = root.children(recursive=True)
    for process in children:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(children, 10)


def _build_mlflow(bin_folder: Path, _script: str, port: int, folder: Path) -> list[str]:
    serve = ["models", "serve", "--env-manager", "local", "--host", "127.0.0.1", "--workers", "1"]
    return [
        str(bin_folder / "python"), str(SCRIPTS / "peer_mlflow.py"), str(folder / "model"),
        str(bin_folder / "mlflow"), *serve, "--model-uri", str(folder / "model"), "--port", str(port),
    ]  # fmt: skip


def _wrap_for_mlflow(body: str) -> str:
    return json.dumps({"inputs": json.loads(body)["data"]})


def _build_ray(bin_folder: Path, _script: str, port: int, _folder: Path) -> list[str]:
    return [str(bin_folder / "python"), str(SCRIPTS / "peer_ray.py"), str(port)]


_HAPROXY = (("RAY_SERVE_ENABLE_HA_PROXY", "1"), ("RAY_SERVE_HAPROXY_NBTHREAD", "2"))

SERVERS = (
    *(Server(peer) for peer in PEERS if peer.name != TEAL),
    Server(
        Peer("ray serve, HAProxy", _build_ray, distribution="ray", requirements=("ray[serve]",)), variables=_HAPROXY
    ),
    Server(Peer("mlflow models serve", _build_mlflow, "mlflow", "/invocations", _wrap_for_mlflow)),
)
