"""`make bench-mlflow`: MLflow models behind Teal, behind MLflow's own server and behind MLServer's MLflow runtime.

The same model folders, one row a request, one worker, 16 connections. Each server has its libraries in an environment
of its own, with the same versions of what calculates. Exit status 1 where a bar is missed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from benchmarks.load import Load, LoadResult
from benchmarks.mlflow_report import MLFLOW, MLSERVER, MLSERVER_V2, TEAL, Report, print_report, write_report
from benchmarks.scoring import await_answers, stop
from benchmarks.scoring_load import measure_load
from tests.harness.ports import free_port
from tests.harness.processes import ChildProcess, start_process

JSON = {"Content-Type": "application/json"}
MODELS = ("numbers", "strings")
CONNECTIONS = 16
SAVE = Path(__file__).parent / "scoring_scripts/save_mlflow_models.py"
TIME_PREDICT = SAVE.with_name("time_mlflow_predict.py")
WHEELS = Path(__file__).parents[1] / "src/teal/compute/wheels"
CALCULATING = ("mlflow==3.17.2", "scikit-learn==1.7.2", "pandas==2.3.3", "numpy==2.3.5")


@dataclass(frozen=True)
class Server:
    """`command`: (its bin folder, model folder, port, scratch folder) -> what to execute."""

    name: str
    environment: str
    command: Callable[[Path, Path, int, Path], list[str]]
    path: str = "/invocations"
    wrap: Callable[[str], str] = str

    @property
    def bin(self) -> Path:
        return find_environment(self.environment) / "bin"

    def start(self, model: Path, folder: Path) -> tuple[ChildProcess, int]:
        port = free_port()
        own = folder / f"{self.name}-{model.name}-{port}".replace(" ", "-")
        own.mkdir()
        environ = {
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(own),
            "TEAL_MAX_CONCURRENT": str(CONNECTIONS),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "OMP_NUM_THREADS": "1",
        }
        command = self.command(self.bin, model, port, own)
        return start_process(command, log_path=own / "log", env=environ, cwd=own), port


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-mlflow", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each server, in turn; the median counts")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one run")
    arguments = parser.parse_args()
    install("mlflow", *(str(wheel) for wheel in WHEELS.glob("teal_scoring-*.whl")))
    install("mlserver-mlflow", "mlserver==1.7.1", "mlserver-mlflow==1.7.1")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_models(folder)
        predict_ms = {model: time_predict(folder / model) for model in MODELS}
        throughput = {model: compare(folder / model, folder, arguments.rounds, arguments.seconds) for model in MODELS}
    report = Report(throughput, predict_ms, CALCULATING)
    print_report(report)
    print(f"written to {write_report(report)}")
    return 1 if report.missed_bars() else 0


# --- private


def find_environment(name: str) -> Path:
    return Path(sys.prefix) / "peers" / name


def install(name: str, *packages: str) -> None:
    """The second time costs nothing, but for our own wheel, which may have changed."""
    environment, uv = find_environment(name), find_uv_bin()
    print(f"installing {name}", file=sys.stderr)
    if not (environment / "bin/python").exists():
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    command = [uv, "pip", "install", "--quiet", "--python", str(environment / "bin/python")]
    wheels = [word for word in packages if word.endswith(".whl")]
    reinstall = ["--reinstall-package", "teal-scoring"] if wheels else []
    subprocess.run([*command, *reinstall, *CALCULATING, *packages], check=True)


def save_models(folder: Path) -> None:
    python = find_environment("mlflow") / "bin/python"
    environ = {"HOME": str(folder), "PATH": os.environ["PATH"], "MLFLOW_DISABLE_TELEMETRY": "true"}
    subprocess.run([python, "-W", "ignore", SAVE, folder], check=True, env=environ, cwd=folder)


def time_predict(model: Path) -> float:
    python = find_environment("mlflow") / "bin/python"
    environ = {"HOME": str(model.parent), "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
    command = [str(python), "-W", "ignore", str(TIME_PREDICT), str(model)]
    return float(subprocess.run(command, check=True, env=environ, capture_output=True, text=True).stdout)


def compare(model: Path, folder: Path, rounds: int, seconds: float) -> dict[str, list[LoadResult]]:
    """All servers stay up; each is asked in turn, so that what disturbs the machine for a while disturbs all."""
    row = json.loads(Path(f"{model}.json").read_text())
    body = json.dumps({"dataframe_split": row})
    started: dict[str, tuple[ChildProcess, int]] = {}
    results: dict[str, list[LoadResult]] = {server.name: [] for server in SERVERS}
    try:
        for server in SERVERS:
            started[server.name] = server.start(model, folder)
            await_answers(*started[server.name], server.wrap(body), path=server.path)
        for number in range(rounds):
            for server in SERVERS:
                print(f"{model.name}, round {number + 1}: {server.name}", file=sys.stderr)
                port = started[server.name][1]
                load = Load(port, server.path, JSON, server.wrap(body), connections=CONNECTIONS, seconds=seconds)
                results[server.name].append(measure_load(load))
    finally:
        for process, _ in started.values():
            stop(process)
    return results


def build_teal(bin_folder: Path, model: Path, port: int, _folder: Path) -> list[str]:
    return [str(bin_folder / "python"), "-m", "teal_scoring", "--mlflow_model", str(model), "--port", str(port)]


def build_mlflow(bin_folder: Path, model: Path, port: int, _folder: Path) -> list[str]:
    serve = [str(bin_folder / "mlflow"), "models", "serve", "--model-uri", str(model), "--env-manager", "local"]
    return [*serve, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]


def build_mlserver(bin_folder: Path, model: Path, port: int, folder: Path) -> list[str]:
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
    described = {
        "name": "model",
        "implementation": "mlserver_mlflow.MLflowRuntime",
        "parameters": {"uri": str(model)},
    }
    (folder / "model-settings.json").write_text(json.dumps(described))
    return [str(bin_folder / "mlserver"), "start", str(folder)]


def wrap_for_inference_protocol(body: str) -> str:
    """One tensor a column, which MLServer puts together to a frame."""
    split = json.loads(body)["dataframe_split"]
    inputs = []
    for name, value in zip(split["columns"], split["data"][0], strict=True):
        datatype = {str: "BYTES", int: "INT64", float: "FP64"}[type(value)]
        inputs.append({"name": name, "shape": [1, 1], "datatype": datatype, "data": [value]})
        if datatype == "BYTES":
            inputs[-1]["parameters"] = {"content_type": "str"}
    return json.dumps({"parameters": {"content_type": "pd"}, "inputs": inputs})


SERVERS = (
    Server(TEAL, "mlflow", build_teal),
    Server(MLFLOW, "mlflow", build_mlflow),
    Server(MLSERVER, "mlserver-mlflow", build_mlserver),
    Server(MLSERVER_V2, "mlserver-mlflow", build_mlserver, "/v2/models/model/infer", wrap_for_inference_protocol),
)

if __name__ == "__main__":
    sys.exit(main())
