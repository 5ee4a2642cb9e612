"""The process backend with the real scoring server in its instances: what each of the two relies on in the other."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from packaging.version import Version

from teal.compute.environments import BuiltEnvironment
from teal.compute.process.backend import ProcessBackend
from teal.compute.process.launch import build_scoring_command
from teal.domain.instances import AssetMount, FileMount, InstanceObserved, InstancePhase, InstanceSpec
from tests.contract.test_compute_backend import build_spec, wait_for_phase
from tests.harness.waiting import wait_until

OpenBackend = Callable[..., Awaitable[ProcessBackend]]


def build_command(_: BuiltEnvironment, spec: InstanceSpec, model_dir: Path | None, port: int) -> list[str]:
    """The interpreter of the tests has teal-scoring; no environment is built."""
    version = Version(".".join(map(str, sys.version_info[:3])))
    return build_scoring_command(BuiltEnvironment(Path(sys.executable), version, ()), spec, model_dir, port)


@pytest.fixture
async def backend(open_backend: OpenBackend) -> ProcessBackend:
    return await open_backend(command=build_command)


def build_scripted_spec(tmp_path: Path, script: str) -> InstanceSpec:
    blob = tmp_path / "blob"
    blob.write_text(script)
    code = AssetMount("code", "1", (FileMount("score.py", str(blob)),))
    return replace(build_spec(code=code, scoring_script="score.py"), environment_variables={})


def get_address(seen: InstanceObserved) -> str:
    return f"http://{seen.address}:{seen.port}"


async def test_a_script_answers(backend: ProcessBackend, tmp_path: Path) -> None:
    script = "def init(): pass\ndef run(data): return {'got': data}\n"
    await backend.apply(build_scripted_spec(tmp_path, script), attempt=1)
    seen = await wait_for_phase(backend, InstancePhase.RUNNING)
    async with httpx.AsyncClient() as client:
        assert (await client.get(get_address(seen))).status_code == 200
        assert (await client.post(f"{get_address(seen)}/score", content=b"[1]")).json() == {"got": "[1]"}


async def test_the_traceback_of_init_is_in_the_failure(backend: ProcessBackend, tmp_path: Path) -> None:
    script = "def init(): open('/nowhere/model.pkl')\ndef run(data): return 1\n"
    await backend.apply(build_scripted_spec(tmp_path, script), attempt=1)
    ended = await wait_for_phase(backend, InstancePhase.EXITED)
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.exit_code) == ("UserScriptInitFailed", 3)
    assert "FileNotFoundError" in (ended.failure.traceback or "")
    assert ended.permanent


async def test_a_script_named_like_a_standard_module_harms_nobody(backend: ProcessBackend, tmp_path: Path) -> None:
    spec = build_scripted_spec(tmp_path, "def init(): pass\ndef run(data): return 1\n")
    assert spec.code is not None
    (tmp_path / "broken").write_text("raise RuntimeError('imported instead of the standard module')\n")
    names = ("json.py", "logging.py", "socket.py", "granian.py")
    mounts = tuple(FileMount(name, str(tmp_path / "broken")) for name in names)
    spec = replace(spec, code=replace(spec.code, files=spec.code.files + mounts))
    await backend.apply(spec, attempt=1)
    await wait_for_phase(backend, InstancePhase.RUNNING)


async def test_a_request_in_hand_is_finished_before_the_end(backend: ProcessBackend, tmp_path: Path) -> None:
    script = (
        "import pathlib, time\n"
        "def init(): pass\n"
        "def run(data):\n"
        f"    pathlib.Path({str(tmp_path / 'entered')!r}).touch()\n"
        f"    while not pathlib.Path({str(tmp_path / 'go')!r}).exists(): time.sleep(0.01)\n"
        "    return 'finished'\n"
    )
    await backend.apply(build_scripted_spec(tmp_path, script), attempt=1)
    seen = await wait_for_phase(backend, InstancePhase.RUNNING)
    async with httpx.AsyncClient(timeout=30) as client:
        request = asyncio.create_task(client.post(f"{get_address(seen)}/score", content=b"{}"))
        await wait_until((tmp_path / "entered").exists)
        await backend.remove("blue-1", grace_s=30)

        async def is_refused() -> bool:
            try:
                await client.get(get_address(seen))
            except httpx.TransportError:
                return True
            return False

        await wait_until(is_refused)
        (tmp_path / "go").touch()
        assert (await request).json() == "finished"
    await wait_until(lambda: not backend.observe())
