"""Instances as processes of this machine: no Docker, no root (design D4). Made by teal.server, called by reconcile."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from teal.compute.environments import Environments
from teal.compute.process.directories import InstanceDirectory, Wanted
from teal.compute.process.instance import ProcessInstance
from teal.compute.process.launch import Command, LogLimits, build_scoring_command
from teal.compute.process.memory import observe_resident_bytes
from teal.compute.process.surroundings import Surroundings
from teal.domain.errors import InvalidInput
from teal.domain.instances import InstanceObserved, InstanceSpec


class ProcessBackend:
    """Implements teal.compute.backend.Backend. The folders below `instances_dir` are all it needs to remember."""

    changed: Callable[[str], None]

    def __init__(
        self,
        instances_dir: Path,
        environments: Environments,
        *,
        command: Command = build_scoring_command,
        log_limits: LogLimits | None = None,
        server_variables: Mapping[str, str] = os.environ,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.changed = lambda _instance_id: None
        self._instances_dir = instances_dir.absolute()
        self._environments = environments
        self._instances: dict[str, ProcessInstance] = {}
        self._memory: asyncio.Task[None] | None = None
        self._around = Surroundings(
            environments=environments,
            command=command,
            log_limits=log_limits or LogLimits(),
            server_variables=server_variables,
            machine_cpus=_count_cpus(),
            now=now,
            changed=lambda instance_id: self.changed(instance_id),
            gone=self._forget,
        )

    async def open(self) -> None:
        await self._environments.open()
        self._environments.look_for_interpreters()
        self._instances_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in sorted(self._instances_dir.iterdir()):
            directory = InstanceDirectory(path)
            wanted = directory.load_wanted()
            if wanted is None:  # interrupted before anything was asked of it
                await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
                continue
            self._instances[path.name] = ProcessInstance(directory, wanted, self._around)
            await self._instances[path.name].adopt()
        self._memory = asyncio.create_task(self._limit_memory(), name="memory limits of instances")
        self._memory.add_done_callback(_hear_end_of_task)

    async def close(self) -> None:
        if self._memory is not None:
            self._memory.cancel()
            await asyncio.gather(self._memory, return_exceptions=True)
        await asyncio.gather(*(instance.leave() for instance in self._instances.values()))
        await self._environments.close()

    async def apply(self, spec: InstanceSpec, *, attempt: int) -> None:
        instance = self._instances.get(spec.instance_id)
        if instance is None:
            if spec.instance_id != Path(spec.instance_id).name or spec.instance_id.startswith("."):
                raise InvalidInput(f"'{spec.instance_id}' cannot name an instance.")
            directory = InstanceDirectory(self._instances_dir / spec.instance_id)
            directory.create()
            wanted = Wanted(spec, attempt)
            directory.save_wanted(wanted)
            instance = self._instances[spec.instance_id] = ProcessInstance(directory, wanted, self._around)
        instance.start(attempt)

    def observe(self) -> Mapping[str, InstanceObserved]:
        return _Observed(self._instances)

    async def remove(self, instance_id: str, *, grace_s: float) -> None:
        if instance := self._instances.get(instance_id):
            instance.remove(grace_s)

    async def logs(self, instance_id: str, *, container: str, tail: int) -> str:
        if container not in _CONTAINERS:
            raise InvalidInput(f"There is no container '{container}'. There are {' and '.join(_CONTAINERS)}.")
        instance = self._instances.get(instance_id)
        return await asyncio.to_thread(instance.load_log, container, tail) if instance else ""

    # --- private

    def _forget(self, instance_id: str) -> None:
        del self._instances[instance_id]
        self.changed(instance_id)

    async def _limit_memory(self) -> None:
        """Resident memory is watched, once a second; limits by cgroup need rights that a server rarely has."""
        while True:
            await asyncio.sleep(_MEMORY_EVERY_S)
            limited = {group: one for one in self._instances.values() if (group := one.memory_group) is not None}
            if limited:
                resident = await asyncio.to_thread(observe_resident_bytes, limited.keys())
                for group, instance in limited.items():
                    instance.limit_memory(resident[group])


class _Observed(Mapping[str, InstanceObserved]):
    """What is seen of each instance when it is asked for: looking at one costs the same however many there are."""

    def __init__(self, instances: Mapping[str, ProcessInstance]) -> None:
        self._instances = instances

    def __getitem__(self, instance_id: str) -> InstanceObserved:
        return self._instances[instance_id].look()

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._instances))

    def __len__(self) -> int:
        return len(self._instances)


_MEMORY_EVERY_S = 1.0
_CONTAINERS = ("inference-server", "storage-initializer")


def _count_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _hear_end_of_task(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        task.get_loop().call_exception_handler(
            {"message": f"{task.get_name()} failed", "exception": error, "task": task}
        )
