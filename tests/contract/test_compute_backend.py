"""What every compute backend promises (teal.compute.backend.Backend), against each one there is."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from teal.compute.backend import Backend
from teal.domain.errors import InvalidInput
from teal.domain.instances import (
    AssetMount,
    EnvironmentDefinition,
    FileMount,
    InstanceObserved,
    InstancePhase,
    InstanceSpec,
)
from tests.harness.waiting import wait_until

OpenBackend = Callable[..., Awaitable[Backend]]


def build_spec(script: str = "ready serve", *, instance_id: str = "blue-1", **fields: object) -> InstanceSpec:
    settings: dict[str, object] = {
        "instance_id": instance_id,
        "endpoint": "shop",
        "deployment": "blue",
        "revision": "1",
        "model": None,
        "code": None,
        "scoring_script": None,
        "environment": EnvironmentDefinition(label="empty:1"),
        "environment_variables": {"SCRIPT": script},
    }
    return InstanceSpec(**(settings | fields))  # type: ignore[arg-type]


async def wait_for_phase(
    backend: Backend, phase: InstancePhase, *, attempt: int = 1, instance_id: str = "blue-1"
) -> InstanceObserved:
    def is_in_phase() -> bool:
        seen = backend.observe().get(instance_id)
        return seen is not None and (seen.phase, seen.attempt) == (phase, attempt)

    await wait_until(is_in_phase, 20, describe=backend.observe)
    return backend.observe()[instance_id]


async def test_an_applied_instance_comes_to_run_with_an_address(open_backend: OpenBackend) -> None:
    backend = await open_backend()
    await backend.apply(build_spec(), attempt=1)
    seen = await wait_for_phase(backend, InstancePhase.RUNNING)
    assert (seen.attempt, seen.address, seen.failure) == (1, "127.0.0.1", None)
    assert seen.port is not None
    assert seen.pid is not None
    assert [phase.name for phase in seen.phases][-1] == "ready"


async def test_every_change_is_announced(open_backend: OpenBackend) -> None:
    backend = await open_backend()
    heard: list[InstancePhase] = []
    backend.changed = lambda instance_id: heard.append(backend.observe()[instance_id].phase)
    await backend.apply(build_spec(), attempt=1)
    await wait_until(lambda: InstancePhase.RUNNING in heard, 20)
    assert list(dict.fromkeys(heard)) == [InstancePhase.PREPARING, InstancePhase.STARTING, InstancePhase.RUNNING]


async def test_applying_the_same_attempt_again_starts_nothing(open_backend: OpenBackend) -> None:
    backend = await open_backend()
    await asyncio.gather(*(backend.apply(build_spec(), attempt=1) for _ in range(3)))
    first = await wait_for_phase(backend, InstancePhase.RUNNING)
    await backend.apply(build_spec(), attempt=1)
    assert backend.observe()["blue-1"] == first


async def test_an_ended_attempt_is_not_repeated_but_the_next_one_starts(open_backend: OpenBackend) -> None:
    backend = await open_backend()
    spec = build_spec("exit=7")
    await backend.apply(spec, attempt=1)
    ended = await wait_for_phase(backend, InstancePhase.EXITED)
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.exit_code, ended.permanent) == ("InstanceExited", 7, False)
    await backend.apply(spec, attempt=1)
    assert backend.observe()["blue-1"] == ended
    await backend.apply(spec, attempt=2)
    await wait_for_phase(backend, InstancePhase.EXITED, attempt=2)


async def test_a_later_attempt_replaces_a_running_one(open_backend: OpenBackend) -> None:
    backend = await open_backend()
    await backend.apply(build_spec(), attempt=1)
    first = await wait_for_phase(backend, InstancePhase.RUNNING)
    await backend.apply(build_spec(), attempt=2)
    second = await wait_for_phase(backend, InstancePhase.RUNNING, attempt=2)
    assert second.pid != first.pid


async def test_a_script_failure_says_why_and_that_it_is_permanent(open_backend: OpenBackend) -> None:
    backend = await open_backend()
    await backend.apply(build_spec("print=hello report_failed=UserScriptInitFailed"), attempt=1)
    ended = await wait_for_phase(backend, InstancePhase.EXITED)
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.traceback) == ("UserScriptInitFailed", "Traceback: here")
    assert (ended.failure.hint, ended.failure.exit_code) == ("Do it.", 3)
    assert ended.failure.log_tail == "hello\n"
    assert ended.permanent


async def test_an_environment_failure_is_permanent_and_told_in_the_preparation_log(open_backend: OpenBackend) -> None:
    backend = await open_backend()
    spec = build_spec(environment=EnvironmentDefinition(label="triton:1", image="nvcr.io/nvidia/tritonserver"))
    await backend.apply(spec, attempt=1)
    ended = await wait_for_phase(backend, InstancePhase.EXITED)
    assert ended.failure is not None
    assert (ended.failure.code, ended.permanent) == ("EnvironmentNeedsContainers", True)
    assert "EnvironmentNeedsContainers" in await backend.logs("blue-1", container="storage-initializer", tail=10)


async def test_files_are_where_the_script_looks_for_them(open_backend: OpenBackend, tmp_path: Path) -> None:
    (tmp_path / "blob-1").write_text("weights")
    (tmp_path / "blob-2").write_text("import model")
    model = AssetMount("ranker", "3", (FileMount("model/weights.bin", str(tmp_path / "blob-1")),))
    code = AssetMount("code", "1", (FileMount("onlinescoring/score.py", str(tmp_path / "blob-2")),))
    backend = await open_backend()
    spec = build_spec(model=model, code=code, scoring_script="onlinescoring/score.py")
    await backend.apply(spec, attempt=1)
    seen = await wait_for_phase(backend, InstancePhase.RUNNING)
    variables = psutil.Process(seen.pid).environ()
    assert variables["AZUREML_MODEL_DIR"].endswith("/azureml-models/ranker/3")
    assert (Path(variables["AZUREML_MODEL_DIR"]) / "model/weights.bin").read_text() == "weights"
    assert (Path(variables["AML_APP_ROOT"]) / variables["AZUREML_ENTRY_SCRIPT"]).read_text() == "import model"


async def test_a_removed_instance_stops_and_is_forgotten(open_backend: OpenBackend) -> None:
    backend = await open_backend()
    await backend.apply(build_spec(), attempt=1)
    await wait_for_phase(backend, InstancePhase.RUNNING)
    await backend.remove("blue-1", grace_s=5)
    assert backend.observe()["blue-1"].phase is InstancePhase.STOPPING
    await wait_until(lambda: "blue-1" not in backend.observe())
    assert await backend.logs("blue-1", container="inference-server", tail=10) == ""
    await backend.remove("blue-1", grace_s=5)


async def test_an_instance_that_does_not_stop_in_time_is_killed(open_backend: OpenBackend) -> None:
    backend = await open_backend()
    await backend.apply(build_spec("stubborn ready serve"), attempt=1)
    await wait_for_phase(backend, InstancePhase.RUNNING)
    await backend.remove("blue-1", grace_s=0.2)
    await wait_until(lambda: "blue-1" not in backend.observe())


async def test_a_second_remove_with_less_time_shortens_the_first(open_backend: OpenBackend) -> None:
    backend = await open_backend()
    await backend.apply(build_spec("stubborn ready serve"), attempt=1)
    await wait_for_phase(backend, InstancePhase.RUNNING)
    await backend.remove("blue-1", grace_s=3600)
    await backend.remove("blue-1", grace_s=0)
    await wait_until(lambda: "blue-1" not in backend.observe())


async def test_an_instance_can_be_removed_while_it_is_prepared(open_backend: OpenBackend) -> None:
    backend = await open_backend()
    await backend.apply(build_spec(), attempt=1)
    await backend.remove("blue-1", grace_s=1)
    await wait_until(lambda: not backend.observe())


async def test_logs_give_the_last_lines(open_backend: OpenBackend) -> None:
    backend = await open_backend()
    await backend.apply(build_spec("lines=500 ready serve"), attempt=1)
    await wait_for_phase(backend, InstancePhase.RUNNING)

    async def has_both_lines() -> bool:
        return await backend.logs("blue-1", container="inference-server", tail=2) == "line 498\nline 499\n"

    await wait_until(has_both_lines)
    with pytest.raises(InvalidInput):
        await backend.logs("blue-1", container="sidecar", tail=2)


async def test_running_instances_are_adopted_by_the_next_server(open_backend: OpenBackend) -> None:
    backend = await open_backend()
    await backend.apply(build_spec(), attempt=1)
    seen = await wait_for_phase(backend, InstancePhase.RUNNING)
    await backend.close()
    second = await open_backend()
    assert second.observe()["blue-1"] == seen
    await second.apply(build_spec(), attempt=1)
    assert second.observe()["blue-1"].pid == seen.pid
    await second.remove("blue-1", grace_s=5)
    await wait_until(lambda: not second.observe())


async def test_how_an_instance_ended_while_no_server_looked_is_known(open_backend: OpenBackend, tmp_path: Path) -> None:
    backend = await open_backend()
    await backend.apply(build_spec(f"ready print=bye wait_for={tmp_path}/go exit=9"), attempt=1)
    seen = await wait_for_phase(backend, InstancePhase.RUNNING)
    await backend.close()
    (tmp_path / "go").touch()
    await wait_until(lambda: not psutil.pid_exists(seen.pid or 0))
    second = await open_backend()
    ended = await wait_for_phase(second, InstancePhase.EXITED)
    assert ended.failure is not None
    assert (ended.failure.exit_code, ended.failure.log_tail) == (9, "bye\n")
    assert ended.attempt == 1


async def test_a_removal_goes_on_under_the_next_server(open_backend: OpenBackend) -> None:
    backend = await open_backend()
    await backend.apply(build_spec("stubborn ready serve"), attempt=1)
    await wait_for_phase(backend, InstancePhase.RUNNING)
    await backend.remove("blue-1", grace_s=1)
    await backend.close()
    second = await open_backend()
    await wait_until(lambda: not second.observe(), 20)
