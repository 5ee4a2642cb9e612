"""One instance's life: prepared, started, watched, ended, removed; driven by compute/process/backend.py.

What can happen next: a step of the preparation is done or refused; the scoring server reports a phase; the process
ends; it is asked to end; the server stops (and the instance goes on). Every step is on disk before it is done, so that
another server can take over at any of them.
"""

import asyncio
import signal
import traceback
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

from teal.compute.environments import BuildListener, BuiltEnvironment
from teal.compute.process.directories import (
    InstanceDirectory,
    Outcome,
    Prepared,
    Processes,
    RunDirectory,
    Start,
    Wanted,
)
from teal.compute.process.identities import WatchedProcess, kill_group
from teal.compute.process.launch import (
    LOOPBACK,
    build_variables,
    find_free_port,
    spawn_shim,
)
from teal.compute.process.logs import append_line, load_tail
from teal.compute.process.preparation import PreparationFailed, apply_preparation, build_disk_failure
from teal.compute.process.reports import PORT_TAKEN, BootReport, build_exit_failure, is_permanent, load_report
from teal.compute.process.surroundings import Surroundings
from teal.domain.failures import Failure
from teal.domain.instances import InstanceObserved, InstancePhase, PhaseTime


class ProcessInstance:
    """An instance with a folder, perhaps a process, and at most one task that moves it on."""

    def __init__(self, directory: InstanceDirectory, wanted: Wanted, surroundings: Surroundings) -> None:
        self._directory = directory
        self._wanted = wanted
        self._around = surroundings
        self._run: RunDirectory | None = None
        self._process: WatchedProcess | None = None
        self._processes: Processes | None = None
        self._life: asyncio.Task[None] | None = None
        self._removal: asyncio.Task[None] | None = None
        self._grace_s = float("inf")
        self._patience: asyncio.Timeout | None = None
        self.observed = InstanceObserved(
            instance_id=directory.instance_id, phase=InstancePhase.PREPARING, attempt=wanted.attempt
        )

    # --- what the backend asks

    def start(self, attempt: int) -> None:
        """Have the `attempt`-th start made, unless it or a later one has been made or is being made."""
        if self._removal is not None or attempt < self._wanted.attempt:
            return
        if attempt == self._wanted.attempt and (self._life is not None or self.observed.phase is InstancePhase.EXITED):
            return
        self._wanted = replace(self._wanted, attempt=attempt)
        self._directory.save_wanted(self._wanted)
        earlier = self._life
        self._live(self._begin_attempt(earlier))

    async def adopt(self) -> None:
        """Take over what an earlier server left in the folder."""
        prepared = self._directory.load_prepared()
        if prepared is not None:
            self._see(notes=prepared.notes, phases=prepared.phases)
        self._run = await self._find_adoptable_run()
        start = self._run.load_start() if self._run else None
        if self._processes is not None and self._processes.shim is not None:
            self._process = WatchedProcess(self._processes.shim)
        is_current = start is not None and start.attempt == self._wanted.attempt
        if is_current:
            self._see_run()
        grace_s = self._directory.load_removal()
        if grace_s is not None:
            self.remove(grace_s)
            return
        outcome = self._directory.load_outcome()
        if outcome is not None and outcome.attempt == self._wanted.attempt:
            self._see(phase=InstancePhase.EXITED, failure=outcome.failure, permanent=outcome.permanent)
        elif self._process is None or not is_current:
            # Of this attempt there is nothing to go on with: as if it had not been asked for, so that it is again.
            self._see(attempt=self._wanted.attempt - 1, detail="interrupted, to be prepared again")
        elif self._process.ended.is_set() and not self._has_lost_its_port():
            self._conclude()
        else:
            self._live(self._watch_and_restart())

    def remove(self, grace_s: float) -> None:
        """End it and delete its folder; asked again, the shorter time counts."""
        self._grace_s = min(self._grace_s, grace_s)
        with suppress(OSError):  # a full disk does not keep it
            self._directory.save_removal(self._grace_s)
        self._see(phase=InstancePhase.STOPPING, detail="finishing requests" if self._process else "")
        if self._removal is None:
            self._removal = asyncio.create_task(self._remove(), name=f"removal of {self._directory.instance_id}")
            self._removal.add_done_callback(self._hear_end_of_task)
        elif self._process is not None:
            self._ask_to_end(self._grace_s)

    async def leave(self) -> None:
        """Stop watching; the process goes on."""
        await _cancel(self._removal)
        await _cancel(self._life)
        if self._process is not None:
            self._process.forget()

    def load_log(self, container: str, lines: int) -> str:
        path = self._directory.server_log if container == "inference-server" else self._directory.preparation_log
        return load_tail(path, lines)

    def look(self) -> InstanceObserved:
        """As it is now: one that starts may have got further since it was last heard of, and answer already."""
        if self.observed.phase is InstancePhase.STARTING and self._process is not None:
            self._see_report()
        return self.observed

    @property
    def memory_group(self) -> int | None:
        """The process group whose memory is limited, None when there is none."""
        if self._wanted.spec.size is None or self._process is None or self._process.ended.is_set():
            return None
        return self.observed.pid

    def limit_memory(self, resident_bytes: int) -> None:
        """End an instance that is over its size. The mark comes first, so that the reason outlives this server."""
        size = self._wanted.spec.size
        if size is None or resident_bytes <= size.memory_bytes or self._run is None or self._processes is None:
            return
        with suppress(OSError):
            self._run.memory_mark_path.write_text(str(resident_bytes))
        if self._processes.instance is not None:
            kill_group(self._processes.instance)

    # --- private: an attempt

    def _live(self, steps: Coroutine[Any, Any, None]) -> None:
        self._life = asyncio.create_task(steps, name=f"instance {self._directory.instance_id}")
        self._life.add_done_callback(self._hear_end_of_task)

    async def _begin_attempt(self, earlier: asyncio.Task[None] | None) -> None:
        await _cancel(earlier)
        await self._end_process(_RESTART_GRACE_S)
        self._see(
            phase=InstancePhase.PREPARING,
            attempt=self._wanted.attempt,
            detail="",
            address=None,
            port=None,
            pid=None,
            failure=None,
            permanent=False,
            phases=(),
        )
        await self._start_until_it_has_a_port()

    async def _start_until_it_has_a_port(self) -> None:
        for _ in range(_PORT_TRIES):
            if self._removal is not None:
                return
            try:
                self._spawn(await self._prepare())
            except PreparationFailed as refused:
                self._end_attempt(refused.failure, permanent=refused.permanent)
                return
            except OSError as error:
                self._end_attempt(build_disk_failure(error), permanent=False)
                return
            await self._watch()
            if not self._has_lost_its_port():
                break
            self._log(f"port {self.observed.port} was taken by another process; trying another")
        self._conclude()

    async def _watch_and_restart(self) -> None:
        await self._watch()
        if self._has_lost_its_port():
            await self._start_until_it_has_a_port()
        else:
            self._conclude()

    async def _prepare(self) -> BuiltEnvironment:
        environment = await apply_preparation(
            self._directory,
            self._wanted.spec,
            self._around.environments,
            begin_phase=self._begin_phase,
            listener=BuildListener(
                progress=lambda words: self._see(detail=f"building environment ({words})"), log=self._log
            ),
        )
        self._see(notes=environment.notes)
        self._begin_phase("starting")
        return environment

    def _spawn(self, environment: BuiltEnvironment) -> None:
        spec = self._wanted.spec
        self._directory.save_prepared(Prepared(environment.notes, self.observed.phases))
        port = find_free_port(self._around.ports)
        run = self._directory.begin_run(Start(self._wanted.attempt, port, self._around.now()))
        model_dir = self._directory.find_model_dir(spec.model) if spec.model else None
        command = self._around.command(environment, spec, model_dir, port)
        variables = build_variables(
            spec,
            self._directory,
            run,
            environment,
            server_variables=self._around.server_variables,
            machine_cpus=self._around.machine_cpus,
        )
        self._log(f"starting on port {port}: {' '.join(command)}")
        shim = spawn_shim(run, self._directory, command, variables, self._around.log_limits)
        # No await since the spawn: there is never a process that nobody knows of.
        self._run, self._processes, self._process = run, None, WatchedProcess(shim)
        self._see_run()

    async def _watch(self) -> None:
        """Until the process ends. It is looked at often while it starts, and after that only its end is waited for."""
        run, process = self._run, self._process
        assert run is not None
        assert process is not None
        while not process.ended.is_set():
            self._see_report()
            starting = self.observed.phase is InstancePhase.STARTING
            with suppress(TimeoutError):
                async with asyncio.timeout(_REPORT_EVERY_S if starting else None):
                    await process.ended.wait()

    def _see_run(self) -> None:
        start = self._run.load_start() if self._run else None
        if start is not None:
            self._around.ports.add(start.port)
            self._see(phase=InstancePhase.STARTING, detail="starting", address=LOOPBACK, port=start.port)
            self._see_report()

    def _see_report(self) -> None:
        assert self._run is not None
        if self._processes is None or self._processes.instance is None:
            self._processes = self._run.load_processes()
        if self._processes is not None and self._processes.instance is not None:
            self._see(pid=self._processes.instance.pid)
        report = load_report(self._run.report_path)
        if report is None:
            return
        earlier = tuple(
            phase for phase in self.observed.phases if phase.name not in {one.name for one in report.phases}
        )
        if report.phase == "ready":
            self._see(phase=InstancePhase.RUNNING, detail="", phases=earlier + report.phases)
        else:
            self._see(detail=report.phase, phases=earlier + report.phases)

    # --- private: the end

    def _has_lost_its_port(self) -> bool:
        report = self._load_last_report()
        taken = report is not None and report.failure is not None and report.failure.code == PORT_TAKEN
        return taken and self._removal is None

    def _load_last_report(self) -> BootReport | None:
        return load_report(self._run.report_path) if self._run else None

    def _conclude(self) -> None:
        """Say why the process is no longer there. Where its shim was killed, what it left running ends now."""
        assert self._run is not None
        processes = self._run.load_processes()
        if processes is not None and processes.instance is not None:
            kill_group(processes.instance)
        ended = self._run.load_exit()
        report = self._load_last_report()
        size = self._wanted.spec.size
        try:
            used_bytes = int(self._run.memory_mark_path.read_text())
        except (FileNotFoundError, ValueError):
            used_bytes = None
        failure = build_exit_failure(
            report,
            ended,
            memory_bytes=used_bytes,
            limit_bytes=size.memory_bytes if size else None,
            log_tail=load_tail(self._directory.server_log, _EVIDENCE_LINES),
        )
        if report is None or report.failure is None:
            self._tell_end(failure)
        self._end_attempt(failure, permanent=is_permanent(report, ended) and used_bytes is None)

    def _tell_end(self, failure: Failure) -> None:
        """Who was killed could not write down why; whoever reads its log looks there."""
        with suppress(OSError):
            words = f"{failure.code}: {replace(failure, log_tail=None).describe()}"
            append_line(self._directory.server_log, self._around.now(), words)

    def _end_attempt(self, failure: Failure, *, permanent: bool) -> None:
        with suppress(OSError):  # on a full disk it is known as long as this server lives
            self._log(f"ended: {failure.code}: {failure.message}")
            self._directory.save_outcome(Outcome(self._wanted.attempt, failure, permanent))
        self._drop_port()
        self._see(phase=InstancePhase.EXITED, detail="", failure=failure, permanent=permanent)

    def _ask_to_end(self, grace_s: float) -> None:
        if self._run is not None and self._process is not None:
            with suppress(OSError):
                self._run.save_grace(grace_s)
            self._process.send_signal(signal.SIGTERM)
            if self._patience is not None:
                self._patience.reschedule(asyncio.get_running_loop().time() + grace_s + _SHIM_GRACE_S)

    async def _end_process(self, grace_s: float) -> None:
        """Have the process gone: by its shim, and should that not do it, without it."""
        process = self._process
        if process is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as self._patience:
                self._ask_to_end(grace_s)
                await process.ended.wait()
        self._patience = None
        if not process.ended.is_set():
            process.send_signal(signal.SIGKILL)
            await process.ended.wait()
        processes = self._run.load_processes() if self._run else None
        if processes is not None and processes.instance is not None:
            kill_group(processes.instance)
        self._drop_port()
        self._process = None

    async def _remove(self) -> None:
        if self._process is None:
            await _cancel(self._life)
        await self._end_process(self._grace_s)
        await _cancel(self._life)
        await asyncio.to_thread(self._directory.delete)
        self._around.gone(self._directory.instance_id)

    def _drop_port(self) -> None:
        if self.observed.port is not None:
            self._around.ports.discard(self.observed.port)

    # --- private: adoption, seeing, saying

    async def _find_adoptable_run(self) -> RunDirectory | None:
        run = self._directory.find_last_run()
        if run is None or run.load_start() is None or run.give_up():
            return None
        for _ in range(_CLAIM_TRIES):
            self._processes = run.load_processes()
            if self._processes is not None and self._processes.shim is not None:
                return run
            await asyncio.sleep(_CLAIM_EVERY_S)  # the shim has made the file and is about to write into it
        return None

    def _begin_phase(self, name: str) -> None:
        if name not in {phase.name for phase in self.observed.phases}:  # a second port is not a second start
            self._see(phases=(*self.observed.phases, PhaseTime(name, self._around.now())))
        self._see(detail=name)

    def _see(self, **what: object) -> None:
        if self._removal is not None:  # nothing of it matters any more
            what["phase"] = InstancePhase.STOPPING
        now = replace(self.observed, **what)  # type: ignore[arg-type]
        if now != self.observed:
            self.observed = now
            self._around.changed(self._directory.instance_id)

    def _log(self, line: str) -> None:
        with suppress(OSError):
            append_line(self._directory.preparation_log, self._around.now(), line)

    def _hear_end_of_task(self, task: "asyncio.Task[None]") -> None:
        """A defect of ours must not look like an instance that is still on its way."""
        if task is self._life:
            self._life = None
        error = None if task.cancelled() else task.exception()
        if error is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"{task.get_name()} failed", "exception": error}
            )
            self._see(
                phase=InstancePhase.EXITED,
                failure=Failure(
                    code="InternalServerError",
                    message=f"Teal failed to run the instance: {error!r}.",
                    traceback="".join(traceback.format_exception(error)),
                ),
            )


_REPORT_EVERY_S = 0.05
_PORT_TRIES = 5
_CLAIM_TRIES = 20
_CLAIM_EVERY_S = 0.01
_SHIM_GRACE_S = 5.0
_RESTART_GRACE_S = 10.0
_EVIDENCE_LINES = 30


async def _cancel(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
