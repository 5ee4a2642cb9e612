"""What the process backend promises beyond the protocol: shims, groups, pids, memory, what `kill -9` leaves."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from teal.compute.process import instance as process_instance
from teal.compute.process.backend import ProcessBackend
from teal.compute.process.directories import InstanceDirectory, Processes, Start, Wanted
from teal.compute.process.identities import ProcessIdentity, is_alive, observe_identity
from teal.compute.process.launch import LogLimits
from teal.compute.process.reports import load_report
from teal.domain.instance_types import InstanceSize
from teal.domain.instances import AssetMount, FileMount, InstanceObserved, InstancePhase
from tests.contract.test_compute_backend import build_spec, wait_for_phase
from tests.harness.processes import ChildProcess, start_process
from tests.harness.waiting import wait_until

OpenBackend = Callable[..., Awaitable[ProcessBackend]]


@pytest.fixture
def directory(tmp_path: Path) -> InstanceDirectory:
    return InstanceDirectory(tmp_path / "instances/blue-1")


def load_processes(directory: InstanceDirectory) -> Processes:
    run = directory.find_last_run()
    processes = run.load_processes() if run else None
    assert processes is not None
    return processes


def get_failure(seen: InstanceObserved) -> tuple[str, str | None]:
    assert seen.failure is not None
    return seen.failure.code, seen.failure.signal


@pytest.fixture
def start_server(
    tmp_path: Path, environments_dir: Path, scoring_wheel: Path
) -> Iterator[Callable[[str], ChildProcess]]:
    """Starts servers over the same folder as `open_backend`, each with the instance blue-1."""
    folders = (tmp_path / "instances", environments_dir, scoring_wheel)
    started: list[ChildProcess] = []

    def start(script: str) -> ChildProcess:
        argv: list[str | Path] = [sys.executable, "-m", "tests.harness.instance_server", *folders, script]
        started.append(start_process(argv, log_path=tmp_path / "server.log"))
        return started[-1]

    yield start
    for server in started:
        server.kill()


async def test_an_instance_survives_kill_9_of_the_server_and_is_adopted(
    open_backend: OpenBackend, start_server: Callable[[str], ChildProcess], directory: InstanceDirectory
) -> None:
    server = start_server("print=before ready serve")
    await wait_until(lambda: (run := directory.find_last_run()) and load_report(run.report_path), 20)
    server.kill()
    before = load_processes(directory)
    backend = await open_backend()
    seen = backend.observe()["blue-1"]
    assert seen.phase is InstancePhase.RUNNING
    assert before.instance is not None
    assert seen.pid == before.instance.pid
    assert await backend.logs("blue-1", container="inference-server", tail=1) == "before\n"
    os.kill(before.instance.pid, signal.SIGKILL)
    assert get_failure(await wait_for_phase(backend, InstancePhase.EXITED)) == ("InstanceExited", "SIGKILL")


@pytest.mark.parametrize("reached", ["instance.json", "runs", "prepared.json", "runs/1", "runs/1/start.json"])
async def test_kill_9_at_any_step_of_a_start_leaves_one_instance(
    open_backend: OpenBackend, start_server: Callable[[str], ChildProcess], directory: InstanceDirectory, reached: str
) -> None:
    server = start_server("ready serve")
    await wait_until((directory.path / reached).exists, 20, every_s=0)
    server.kill()
    backend = await open_backend()
    await backend.apply(build_spec(), attempt=1)
    await wait_for_phase(backend, InstancePhase.RUNNING)
    running = [process for process in psutil.process_iter() if str(directory.path) in _get_report_path(process)]
    assert len([process for process in running if "shim.py" not in " ".join(process.cmdline())]) == 1


async def test_a_killed_instance_is_told_with_its_signal(open_backend: OpenBackend) -> None:
    backend = await open_backend()
    await backend.apply(build_spec(), attempt=1)
    seen = await wait_for_phase(backend, InstancePhase.RUNNING)
    assert seen.pid is not None
    os.kill(seen.pid, signal.SIGSEGV)
    ended = await wait_for_phase(backend, InstancePhase.EXITED)
    assert get_failure(ended) == ("InstanceExited", "SIGSEGV")
    assert not ended.permanent


async def test_an_instance_does_not_outlive_its_killed_shim(
    open_backend: OpenBackend, directory: InstanceDirectory
) -> None:
    backend = await open_backend()
    await backend.apply(build_spec("child ready serve"), attempt=1)
    await wait_for_phase(backend, InstancePhase.RUNNING)
    processes = load_processes(directory)
    assert processes.shim is not None
    assert processes.instance is not None
    os.kill(processes.shim.pid, signal.SIGKILL)
    ended = await wait_for_phase(backend, InstancePhase.EXITED)
    assert get_failure(ended) == ("InstanceExited", None)
    instance = processes.instance
    await wait_until(lambda: not is_alive(instance))
    with suppress(ProcessLookupError):
        os.kill(int((directory.app_root / "child").read_text()), signal.SIGKILL)
    await backend.apply(build_spec(), attempt=2)
    await wait_for_phase(backend, InstancePhase.RUNNING, attempt=2)


async def test_nothing_of_an_instance_is_left_when_it_ends(
    open_backend: OpenBackend, directory: InstanceDirectory
) -> None:
    backend = await open_backend()
    await backend.apply(build_spec("child runaway ready serve"), attempt=1)
    seen = await wait_for_phase(backend, InstancePhase.RUNNING)
    children = [int((directory.app_root / name).read_text()) for name in ("child", "runaway")]
    assert all(map(psutil.pid_exists, children))
    assert seen.pid is not None
    os.kill(seen.pid, signal.SIGKILL)
    await wait_for_phase(backend, InstancePhase.EXITED)
    assert not any(map(psutil.pid_exists, children))


async def test_the_server_keeps_no_zombies(open_backend: OpenBackend) -> None:
    others = psutil.Process().children()  # of tests before
    backend = await open_backend()
    await backend.apply(build_spec("exit=0"), attempt=1)
    await wait_for_phase(backend, InstancePhase.EXITED)
    ours = set(psutil.Process().children()) - set(others)
    assert [child for child in ours if child.status() == psutil.STATUS_ZOMBIE] == []


async def test_a_recycled_pid_is_neither_trusted_nor_signalled(open_backend: OpenBackend, tmp_path: Path) -> None:
    bystander = start_process(["sleep", "600"], log_path=tmp_path / "log")
    directory = InstanceDirectory(tmp_path / "instances/blue-1")
    directory.path.parent.mkdir()
    directory.create()
    directory.save_wanted(Wanted(build_spec(), 1))
    run = directory.begin_run(Start(1, 4711, 0.0))
    of_an_earlier_boot = "12@00000000-0000-0000-0000-000000000000"
    names = ("shim", "instance")
    (run.path / "processes").write_text("".join(f"{name} {bystander.pid} {of_an_earlier_boot}\n" for name in names))
    run.report_path.write_text('{"phase": "ready", "phases": [], "error": null}')

    backend = await open_backend()
    assert backend.observe()["blue-1"].phase is InstancePhase.EXITED
    await backend.remove("blue-1", grace_s=0)
    await wait_until(lambda: not backend.observe())
    assert bystander.returncode is None
    bystander.kill()


async def test_an_interrupted_preparation_is_made_again_when_applied(
    open_backend: OpenBackend, directory: InstanceDirectory
) -> None:
    directory.path.parent.mkdir()
    directory.create()
    directory.save_wanted(Wanted(build_spec(), 1))
    backend = await open_backend()
    seen = backend.observe()["blue-1"]
    assert (seen.phase, seen.attempt) == (InstancePhase.PREPARING, 0)  # nobody would ask for an attempt that was made
    await backend.apply(build_spec(), attempt=1)
    await wait_for_phase(backend, InstancePhase.RUNNING)


async def test_a_shim_that_comes_too_late_starts_nothing(
    open_backend: OpenBackend, directory: InstanceDirectory
) -> None:
    directory.path.parent.mkdir()
    directory.create()
    directory.save_wanted(Wanted(build_spec(), 1))
    run = directory.begin_run(Start(1, 4711, 0.0))
    backend = await open_backend()
    assert not run.give_up()
    await backend.apply(build_spec(), attempt=1)
    await wait_for_phase(backend, InstancePhase.RUNNING)
    last = directory.find_last_run()
    assert last is not None
    assert last.number == run.number + 1


async def test_a_restart_interrupted_before_the_old_process_ended_ends_it(
    open_backend: OpenBackend, directory: InstanceDirectory
) -> None:
    backend = await open_backend()
    await backend.apply(build_spec(), attempt=1)
    first = await wait_for_phase(backend, InstancePhase.RUNNING)
    await backend.close()
    directory.save_wanted(Wanted(build_spec(), 2))
    second = await open_backend()
    await second.apply(build_spec(), attempt=2)
    seen = await wait_for_phase(second, InstancePhase.RUNNING, attempt=2)
    assert seen.pid != first.pid
    assert not psutil.pid_exists(first.pid or 0)


async def test_folders_without_an_instance_are_cleared(open_backend: OpenBackend, directory: InstanceDirectory) -> None:
    directory.path.mkdir(parents=True)
    backend = await open_backend()
    assert not backend.observe()
    assert not directory.path.exists()


async def test_a_taken_port_is_tried_again_with_another(open_backend: OpenBackend, tmp_path: Path) -> None:
    backend = await open_backend()
    await backend.apply(build_spec(f"port_taken_unless={tmp_path}/once ready serve"), attempt=1)
    seen = await wait_for_phase(backend, InstancePhase.RUNNING)
    assert seen.attempt == 1
    assert "was taken" in await backend.logs("blue-1", container="storage-initializer", tail=100)


async def test_ports_that_stay_taken_end_the_attempt(open_backend: OpenBackend) -> None:
    backend = await open_backend()
    await backend.apply(build_spec("report_failed=PortTaken"), attempt=1)
    ended = await wait_for_phase(backend, InstancePhase.EXITED)
    assert get_failure(ended)[0] == "PortTaken"
    assert not ended.permanent
    names = [phase.name for phase in ended.phases]
    assert len(names) == len(set(names))


async def test_over_its_memory_an_instance_is_killed_and_says_so(open_backend: OpenBackend) -> None:
    backend = await open_backend()
    size = InstanceSize(cpus=1, memory_bytes=60 << 20)
    await backend.apply(build_spec("ready allocate=100 serve", size=size), attempt=1)
    ended = await wait_for_phase(backend, InstancePhase.EXITED)
    assert get_failure(ended) == ("OutOfMemory", "SIGKILL")
    assert not ended.permanent


async def test_a_script_cannot_change_the_model_for_others(open_backend: OpenBackend, tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.write_text("weights")
    model = AssetMount("ranker", "3", (FileMount("weights.bin", str(blob)),))
    backend = await open_backend()
    target = tmp_path / "instances/blue-1/azureml-models/ranker/3/weights.bin"
    await backend.apply(build_spec(f"write={target}", model=model), attempt=1)
    ended = await wait_for_phase(backend, InstancePhase.EXITED)
    assert ended.failure is not None
    assert "PermissionError" in (ended.failure.log_tail or "")
    assert blob.read_text() == "weights"
    assert blob.stat().st_ino == target.stat().st_ino


async def test_an_instance_sees_none_of_the_servers_variables(open_backend: OpenBackend) -> None:
    secrets = {
        "TEAL_TOKEN": "t",
        "IDENTITY_HEADER": "h",
        "AWS_SECRET_ACCESS_KEY": "k",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
    }
    backend = await open_backend(server_variables=secrets | {"PATH": os.environ["PATH"]})
    await backend.apply(build_spec(), attempt=1)
    seen = await wait_for_phase(backend, InstancePhase.RUNNING)
    variables = psutil.Process(seen.pid).environ()
    assert variables.keys() & secrets.keys() == {"TZ", "LC_ALL"}


async def test_an_instance_that_starts_is_seen_as_far_as_it_has_got(
    open_backend: OpenBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_instance, "_REPORT_EVERY_S", 60.0)
    backend = await open_backend()
    await backend.apply(build_spec("ready serve"), attempt=1)
    seen = await wait_for_phase(backend, InstancePhase.RUNNING)
    assert "ready" in [phase.name for phase in seen.phases]


async def test_logs_are_rotated_and_bounded(open_backend: OpenBackend, directory: InstanceDirectory) -> None:
    backend = await open_backend(log_limits=LogLimits(max_bytes=70_000, kept_files=3))
    await backend.apply(build_spec("lines=100000 ready serve"), attempt=1)
    await wait_for_phase(backend, InstancePhase.RUNNING)

    async def has_all() -> bool:
        return (await backend.logs("blue-1", container="inference-server", tail=1)) == "line 99999\n"

    await wait_until(has_all)
    files = sorted(path.name for path in directory.server_log.parent.glob("inference-server.log*"))
    assert files == ["inference-server.log", "inference-server.log.1", "inference-server.log.2"]
    assert all((directory.server_log.parent / name).stat().st_size <= 70_000 for name in files)
    tail = await backend.logs("blue-1", container="inference-server", tail=6_000)
    assert tail.splitlines() == [f"line {number}" for number in range(94_000, 100_000)]


async def test_a_log_that_cannot_be_written_does_not_stop_the_instance(
    open_backend: OpenBackend, directory: InstanceDirectory
) -> None:
    backend = await open_backend()
    directory.server_log.mkdir(parents=True)  # nothing can be written to a folder
    await backend.apply(build_spec("lines=100000 ready print=still serve"), attempt=1)
    await wait_for_phase(backend, InstancePhase.RUNNING)


async def test_an_interpreter_that_cannot_be_executed_is_told(open_backend: OpenBackend) -> None:
    backend = await open_backend(command=lambda *_: ["/nowhere/python"])
    await backend.apply(build_spec(), attempt=1)
    ended = await wait_for_phase(backend, InstancePhase.EXITED)
    assert ended.failure is not None
    assert ended.failure.exit_code == 127
    assert "/nowhere/python cannot be started" in (ended.failure.log_tail or "")


async def test_a_defect_of_ours_ends_one_instance_and_not_the_server(open_backend: OpenBackend) -> None:
    heard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))

    def build_command(*_: object) -> list[str]:
        raise RuntimeError("nobody thought of this")

    backend = await open_backend(command=build_command)
    await backend.apply(build_spec(), attempt=1)
    ended = await wait_for_phase(backend, InstancePhase.EXITED)
    assert ended.failure is not None
    assert ended.failure.code == "InternalServerError"
    assert "nobody thought of this" in ended.failure.message
    # With a task in it, the server takes this for the death of one of its own parts, and ends.
    assert [str(context["exception"]) for context in heard if "task" not in context] == ["nobody thought of this"]


async def test_identities_tell_processes_of_one_number_apart() -> None:
    own = observe_identity(os.getpid())
    assert own is not None
    assert is_alive(own)
    assert not is_alive(ProcessIdentity(own.pid, "1@another-boot"))


# --- private


def _get_report_path(process: psutil.Process) -> str:
    try:
        return str(process.environ().get("TEAL_SCORING_REPORT", ""))
    except psutil.Error:
        return ""
