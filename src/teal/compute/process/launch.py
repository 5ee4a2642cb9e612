"""From an instance's spec to a running shim: command, variables, port; called by compute/process/instance.py."""

import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from teal.compute.environments import BuiltEnvironment
from teal.compute.process.directories import InstanceDirectory, RunDirectory
from teal.compute.process.identities import ProcessIdentity, observe_identity
from teal.domain.instances import InstanceSpec

LOOPBACK = "127.0.0.1"

Command = Callable[[BuiltEnvironment, InstanceSpec, Path | None, int], list[str]]
"""(environment, spec, model folder, port) -> what to execute: `build_scoring_command`, but for tests of the backend."""


@dataclass(frozen=True, slots=True)
class LogLimits:
    """What an instance may leave on the disk: `max_bytes` per file, `kept_files` of them."""

    max_bytes: int = 10 * 1024 * 1024
    kept_files: int = 5


def build_scoring_command(
    environment: BuiltEnvironment, spec: InstanceSpec, model_dir: Path | None, port: int
) -> list[str]:
    """teal-scoring, started so that the script's folder does not come before the standard library on `sys.path`."""
    if environment.python_version.release >= (3, 11):
        start = ["-P", "-m", "teal_scoring"]
    else:
        start = ["-c", _RUN_WITHOUT_WORKING_DIR]
    arguments = ["--host", LOOPBACK, "--port", str(port)]
    if model_dir is not None:
        arguments += ["--model_dir", str(model_dir)]
    if spec.mlflow_model is not None and model_dir is not None:
        arguments += ["--mlflow_model", str(model_dir / spec.mlflow_model)]
    elif spec.scoring_script:
        arguments += ["--entry_script", spec.scoring_script]
    return [str(environment.python), *start, *arguments]


def build_variables(
    spec: InstanceSpec,
    directory: InstanceDirectory,
    run: RunDirectory,
    environment: BuiltEnvironment,
    *,
    server_variables: Mapping[str, str],
    machine_cpus: int,
) -> dict[str, str]:
    """Everything an instance sees (`spec/wire.md` §7.1). Of the server's own variables only a short list.

    Ours say where things are and win; what is merely a good default gives way to the user's.
    """
    passed = {name: value for name, value in server_variables.items() if name in _PASSED or name.startswith("LC_")}
    path = os.pathsep.join([str(environment.python.parent), passed.get("PATH") or os.defpath])
    defaults = {
        "HOME": str(directory.path),
        "TMPDIR": str(directory.temporary),
        "VIRTUAL_ENV": str(environment.python.parent.parent),
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
        "SCORING_TIMEOUT_MS": str(spec.request_timeout_ms),
    }
    if spec.mlflow_model is not None:
        defaults |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    if spec.size is not None:
        defaults |= dict.fromkeys(_THREAD_VARIABLES, str(max(1, min(spec.size.cpus, machine_cpus))))
    ours = {
        "AML_APP_ROOT": str(directory.app_root),
        "TEAL_SCORING_REPORT": str(run.report_path),
        "TEAL_MAX_CONCURRENT": str(spec.max_concurrent_requests),
        "TEAL_DEPLOYMENT": spec.deployment,
    }
    if spec.start_limit_s is not None:
        ours["TEAL_START_LIMIT_S"] = f"{spec.start_limit_s:g}"
    if spec.model is not None:
        ours["AZUREML_MODEL_DIR"] = str(directory.find_model_dir(spec.model))
    if spec.scoring_script:
        ours["AZUREML_ENTRY_SCRIPT"] = spec.scoring_script
    return {**passed, "PATH": path, **defaults, **spec.environment_variables, **ours}


def find_free_port(taken: set[int]) -> int:
    """A port on the loopback address that nobody listens on now and that no living instance of ours has."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port


def spawn_shim(
    run: RunDirectory, directory: InstanceDirectory, command: list[str], variables: Mapping[str, str], limits: LogLimits
) -> ProcessIdentity:
    """Start the shim of a run. It makes a session of its own, so nothing that happens to the server's reaches it."""
    arguments = [str(run.path), str(directory.app_root), str(directory.server_log)]
    arguments += [str(limits.max_bytes), str(limits.kept_files)]
    writing = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-S", str(_SHIM), *arguments, *command],
        dict(variables),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(directory.preparation_log), writing, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsigmask=(),
    )
    return observe_identity(pid) or ProcessIdentity(pid, "")


# --- private

_SHIM = Path(__file__).with_name("shim.py")
_PASSED = frozenset({"PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"})
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
# Python 3.10 has no -P, and -m would put the working directory, full of a user's files, first on sys.path.
_RUN_WITHOUT_WORKING_DIR = (
    "import sys; sys.path[:1] = []; import runpy; runpy.run_module('teal_scoring', run_name='__main__', alter_sys=True)"
)
