"""The scoring servers that are compared: how each is installed, in an environment of its own, and started with one
worker and the same script. Used by benchmarks/scoring.py."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from uv import find_uv_bin

from tests.harness.ports import free_port
from tests.harness.processes import ChildProcess, start_process

SCRIPTS = Path(__file__).parent / "scoring_scripts"
ENVIRONMENTS = Path(sys.prefix) / "peers"
TEAL, REFERENCE, MLSERVER = "teal-scoring", "azureml-inference-server-http", "mlserver"

Command = Callable[[Path, str, int, Path], list[str]]
"""(bin folder of its environment, script, port, scratch folder) -> what to execute."""


@dataclass(frozen=True)
class Peer:
    """`distribution`: what is installed, where it is not the name. `wrap`: the body in the form that it is sent in.
    `requirements`: what is installed with it."""

    name: str
    command: Command
    distribution: str = ""
    path: str = "/score"
    wrap: Callable[[str], str] = str
    requirements: tuple[str, ...] = ()

    @property
    def package(self) -> str:
        return self.distribution or self.name

    @property
    def bin(self) -> Path:
        return Path(sys.prefix) / "bin" if self.name == TEAL else ENVIRONMENTS / self.package / "bin"

    def install(self) -> str:
        """Its version; the second time costs nothing."""
        if self.name == TEAL:
            return version(TEAL)
        if not (self.bin / "python").exists():
            print(f"installing {self.name}", file=sys.stderr)
            uv = find_uv_bin()
            subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(self.bin.parent)], check=True)
            wanted = [self.package, f"scikit-learn=={version('scikit-learn')}", *self.requirements]
            subprocess.run([uv, "pip", "install", "--quiet", "--python", self.bin / "python", *wanted], check=True)
        ask = f"import importlib.metadata as m; print(m.version({self.package!r}))"
        return subprocess.run(
            [self.bin / "python", "-c", ask], check=True, capture_output=True, text=True
        ).stdout.strip()

    def start(self, script: str, folder: Path, **variables: str) -> tuple[ChildProcess, int]:
        """The process and its port. `script` is a module of scoring_scripts."""
        port = free_port()
        own = folder / f"{self.name}-{script}-{port}"
        own.mkdir(parents=True)
        environ = {
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(own),
            "AML_APP_ROOT": str(SCRIPTS),
            "PYTHONPATH": "" if self.name in {TEAL, REFERENCE} else str(SCRIPTS),
            "SCORE_SCRIPT": script,
            "BENTOML_DO_NOT_TRACK": "true",
            "TEAL_MAX_CONCURRENT": "16",
            **variables,
        }
        command = self.command(self.bin, script, port, own)
        return start_process(command, log_path=own / "log", env=environ, cwd=own), port


def build_teal(bin_folder: Path, script: str, port: int, _folder: Path) -> list[str]:
    command = [str(bin_folder / "python"), "-m", "teal_scoring"]
    return [*command, "--entry_script", f"{SCRIPTS / script}.py", "--port", str(port)]


def build_reference(bin_folder: Path, script: str, port: int, _folder: Path) -> list[str]:
    return [str(bin_folder / "azmlinfsrv"), "--entry_script", f"{SCRIPTS / script}.py", "--port", str(port)]


def build_mlserver(bin_folder: Path, _script: str, port: int, folder: Path) -> list[str]:
    settings = {
        "debug": False,
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": free_port(),
        "metrics_port": free_port(),
        "parallel_workers": 0,
        "use_structured_logging": False,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(
        json.dumps({"name": "script", "implementation": "peer_mlserver.Script"})
    )
    return [str(bin_folder / "mlserver"), "start", str(folder)]


def build_litserve(bin_folder: Path, _script: str, port: int, _folder: Path) -> list[str]:
    return [str(bin_folder / "python"), str(SCRIPTS / "peer_litserve.py"), str(port)]


def build_bentoml(bin_folder: Path, _script: str, port: int, _folder: Path) -> list[str]:
    serve = [str(bin_folder / "bentoml"), "serve", "peer_bentoml:Script", "--working-dir", str(SCRIPTS)]
    return [*serve, "--host", "127.0.0.1", "--port", str(port)]


def wrap_for_inference_protocol(body: str) -> str:
    """The body as the one string of a request of the V2 inference protocol."""
    return json.dumps({"inputs": [{"name": "data", "shape": [1], "datatype": "BYTES", "data": [body]}]})


PEERS = (
    Peer(TEAL, build_teal),
    Peer(REFERENCE, build_reference),
    Peer(MLSERVER, build_mlserver, path="/v2/models/script/infer", wrap=wrap_for_inference_protocol),
    Peer("mlserver, custom route", build_mlserver, distribution=MLSERVER),
    Peer("litserve", build_litserve),
    Peer("bentoml", build_bentoml),
)
