"""MLflow models of real flavours, made in environments that Teal's own builder makes: two of them, once a session.

Teal's own virtual environment has no mlflow. All models of one environment have the same requirements, so that an
instance finds it built.
"""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from teal.compute.environments import BuildListener, BuiltEnvironment, Environments
from teal.domain.instances import AssetMount, EnvironmentDefinition, FileMount
from teal.domain.mlflow_models import is_environment_file
from tests.harness.ports import free_port
from tests.harness.processes import start_process
from tests.harness.scoring import Scoring

NEW = ("mlflow==3.17.2", "scikit-learn==1.7.2", "pandas==2.3.3", "xgboost==3.2.0", "lightgbm==4.6.0")
OLD = ("mlflow==2.22.5", "scikit-learn==1.2.2")
MAKE_MODELS = Path(__file__).parents[1] / "scripts/mlflow_models/make_models.py"

# 335 MB that only a graphics card of NVIDIA's has a use for.
OVERRIDES = "nvidia-nccl-cu12; sys_platform == 'none'\n"


@dataclass(frozen=True)
class Made:
    """Models by name in `folder`, and the interpreter of the environment they were made in."""

    folder: Path
    environment: BuiltEnvironment

    def mount(self, name: str) -> AssetMount:
        """As the store would give it: the folder by its own name."""
        files = sorted(path for path in (self.folder / name).rglob("*") if path.is_file())
        return AssetMount(name, "1", tuple(FileMount(str(path.relative_to(self.folder)), str(path)) for path in files))

    def define(self, name: str) -> EnvironmentDefinition:
        texts = {p.name: p.read_text() for p in (self.folder / name).iterdir() if is_environment_file(p.name)}
        return EnvironmentDefinition(label=f"of model {name}:1", model_files=texts)


def open_environments(folder: Path) -> Environments:
    overrides = folder / "overrides.txt"
    overrides.write_text(OVERRIDES)
    return Environments(folder / "environments", model_overrides=overrides)


def make_models(root: Path, name: str, requirements: tuple[str, ...], *options: str, python: str = "") -> Made:
    """Build the environment and save the models in it."""
    folder = root / name
    folder.mkdir()
    files = {"MLmodel": f"flavors: {{python_function: {{{python}}}}}", "requirements.txt": "\n".join(requirements)}
    environment = asyncio.run(_build(root, EnvironmentDefinition(label=f"of {name} models", model_files=files)))
    command = [str(environment.python), str(MAKE_MODELS), str(folder), *requirements, *options]
    variables = {"HOME": str(root), "PATH": "/usr/bin:/bin", "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(command, env=variables, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Made(folder, environment)


@contextmanager
def serving(made: Made, name: str, folder: Path, **environ: str) -> Iterator[Scoring]:
    """A model behind the scoring server of its environment, ready."""
    port = free_port()
    report_path = folder / f"{name}.json"
    report_path.unlink(missing_ok=True)
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "TEAL_SCORING_REPORT": str(report_path),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **environ,
    }
    argv = [str(made.environment.python), "-m", "teal_scoring", "--port", str(port)]
    argv += ["--mlflow_model", str(made.folder / name)]
    process = start_process(argv, log_path=folder / f"{name}.log", env=env, cwd=folder)
    scoring = Scoring(process, port, report_path)
    try:
        scoring.await_phase("ready")
        yield scoring
    finally:
        process.kill()


# --- private


async def _build(root: Path, definition: EnvironmentDefinition) -> BuiltEnvironment:
    environments = open_environments(root)
    await environments.open()
    try:
        return await environments.build(definition, BuildListener(_ignore, print))
    finally:
        await environments.close()


def _ignore(_words: str) -> None:
    pass
