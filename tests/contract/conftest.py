"""What the suites of compute backends share: a backend on a scratch folder, and that nothing outlives it."""

import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from teal.compute.backend import Backend
from teal.compute.environments import BuiltEnvironment, Environments
from teal.compute.process.backend import ProcessBackend
from teal.compute.process.directories import InstanceDirectory
from teal.compute.process.identities import ProcessIdentity, is_alive, observe_identity
from teal.compute.process.launch import LogLimits
from teal.domain.instances import InstanceSpec
from tests.harness.wheels import build_wheel

SCRIPTED = Path(__file__).parents[1] / "harness/scripted_instance.py"


def build_scripted_command(_: BuiltEnvironment, __: InstanceSpec, ___: Path | None, ____: int) -> list[str]:
    return [sys.executable, str(SCRIPTED)]


@pytest.fixture(scope="session")
def scoring_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheels"), "teal-scoring", "0")


@pytest.fixture(scope="session")
def environments_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared, so that the empty environment is built once."""
    return tmp_path_factory.mktemp("environments")


@pytest.fixture
async def open_backend(
    tmp_path: Path, environments_dir: Path, scoring_wheel: Path
) -> AsyncIterator[Callable[..., Awaitable[Backend]]]:
    """Makes backends over one data folder, as one server after another would."""
    opened: list[ProcessBackend] = []
    instances_dir = tmp_path / "instances"

    async def open_one(**settings: object) -> ProcessBackend:
        environments = Environments(environments_dir, scoring_wheel=scoring_wheel)
        settings = {"command": build_scripted_command, "log_limits": LogLimits(100_000, 3)} | settings
        backend = ProcessBackend(instances_dir, environments, **settings)  # type: ignore[arg-type]
        await backend.open()
        opened.append(backend)
        return backend

    try:
        yield open_one
    finally:
        for backend in opened:
            await backend.close()
        end_processes(instances_dir)


def end_processes(instances_dir: Path) -> None:
    """Kill what the backends have started, by pid and birth; and what is left in the group of one that is gone."""
    for identity in find_processes(instances_dir):
        if is_alive(identity) or observe_identity(identity.pid) is None:
            for kill in (os.killpg, os.kill):
                with suppress(ProcessLookupError, PermissionError):
                    kill(identity.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(identity.pid, 0)


def find_processes(instances_dir: Path) -> list[ProcessIdentity]:
    """Every shim and instance that ever wrote its name into a folder that is still there; shims first."""
    found = []
    for path in instances_dir.glob("*"):
        run = InstanceDirectory(path).find_last_run()
        processes = run.load_processes() if run else None
        if processes is not None:
            found += [one for one in (processes.shim, processes.instance) if one is not None]
    return found
