"""Runs checks: what a deployment would run, once, by itself, in memory only. Built by server, asked by api.

A check is an instance that no endpoint knows. It is removed before the check is over, whatever came of it; should the
server be killed meanwhile, the loop of the next one removes it, because nothing in the store remembers it.
"""

import asyncio
import json
import logging
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx

from teal.compute.backend import Backend
from teal.domain.checks import (
    ASKING,
    MAX_ANSWER_CHARS,
    Check,
    CheckState,
    SampleAnswer,
    SampleRequest,
)
from teal.domain.curated import BUILT_IN, Catalogue
from teal.domain.deployments import DeploymentSpec, revision_of
from teal.domain.errors import Conflict, TealError
from teal.domain.failures import Failure
from teal.domain.instance_records import InstanceRecord, InstanceState
from teal.domain.instances import InstanceObserved, InstancePhase, InstanceSpec, PhaseTime
from teal.domain.phases import build_phases, close_phases
from teal.domain.resource_ids import WorkspaceId
from teal.reconcile.lifecycle import LAST_WORDS_S, build_late_failure
from teal.reconcile.mounts import build_instance_spec
from teal.reconcile.probes import ask
from teal.reconcile.steady_clock import build_steady_clock
from teal.store.database import Store

MAX_AT_ONCE = 4
MAX_KEPT = 100
LOG_LINES = 200
LOOK_EVERY_S = 0.05
REMOVAL_GRACE_S = 2.0
REMOVED_WITHIN_S = 10.0

log = logging.getLogger(__name__)


class Checks:
    """The checks of one server. What has ended is remembered until a hundred others have ended after it."""

    def __init__(
        self,
        store: Store,
        backend: Backend,
        object_path: Callable[[str], Path],
        *,
        clock: Callable[[], float] | None = None,
        curated: Catalogue = BUILT_IN,
    ) -> None:
        self._store = store
        self._backend = backend
        self._object_path = object_path
        self._clock = clock or build_steady_clock()
        self._curated = curated
        self._checks: dict[tuple[WorkspaceId, str], Check] = {}
        self._tasks: dict[tuple[WorkspaceId, str], asyncio.Task[None]] = {}
        self._ending: set[tuple[WorkspaceId, str]] = set()

    def begin(
        self, workspace: WorkspaceId, id: str, deployment: str, spec: DeploymentSpec, request: SampleRequest | None
    ) -> Check:
        """Start one; the same id again is the same check."""
        key = (workspace, id)
        if known := self._checks.get(key):
            return known
        if len(self._tasks) >= MAX_AT_ONCE:
            raise Conflict(
                f"{MAX_AT_ONCE} checks are running already.", target=id, hint="Try again when one of them is over."
            )
        for old in list(self._checks)[:-MAX_KEPT]:
            if old not in self._tasks:
                del self._checks[old]
        now = self._clock()
        check = Check(id=id, workspace=workspace, deployment=deployment, started_at=now, phases=build_phases(now, ()))
        self._checks[key] = check
        self._tasks[key] = task = asyncio.create_task(self._run(key, spec, request), name=f"check {id}")
        task.add_done_callback(partial(self._hear_end, key))
        return check

    def find(self, workspace: WorkspaceId, id: str) -> Check | None:
        return self._checks.get((workspace, id))

    async def cancel(self, workspace: WorkspaceId, id: str) -> None:
        """End it, and return when nothing of it runs any more."""
        key = (workspace, id)
        if task := self._tasks.get(key):
            self._end_early(key, task)
            await asyncio.wait({task})

    async def close(self) -> None:
        """End all of them."""
        tasks = dict(self._tasks)
        for key, task in tasks.items():
            self._end_early(key, task)
        await asyncio.gather(*tasks.values(), return_exceptions=True)

    # --- private

    def _end_early(self, key: tuple[WorkspaceId, str], task: "asyncio.Task[None]") -> None:
        """Unless it is ending already: canceled once more, it would leave its instance behind."""
        if key not in self._ending:
            task.cancel()

    async def _run(self, key: tuple[WorkspaceId, str], spec: DeploymentSpec, request: SampleRequest | None) -> None:
        instance_id = f"check.{uuid.uuid4().hex[:12]}"
        try:
            instance = await self._build_instance(key, spec, instance_id)
            await self._backend.apply(instance, attempt=1)
            observed = await self._wait_until_ready(key, instance)
            sample = request or await asyncio.to_thread(load_example, instance)
            answer = await self._ask(key, instance, observed, sample) if sample else None
            outcome = replace(self._checks[key], state=CheckState.SUCCEEDED, answer=answer)
        except _Failed as failed:
            outcome = replace(self._checks[key], state=CheckState.FAILED, failure=failed.failure, answer=failed.answer)
        finally:
            self._ending.add(key)
            stopped_at = self._clock()
            logged = await self._remove(instance_id)
        self._checks[key] = _end(outcome, stopped_at, logged)

    async def _build_instance(
        self, key: tuple[WorkspaceId, str], spec: DeploymentSpec, instance_id: str
    ) -> InstanceSpec:
        check = self._checks[key]
        record = InstanceRecord(
            instance_id=instance_id,
            endpoint="",
            deployment=check.deployment,
            revision=revision_of(spec),
            state=InstanceState.STARTED,
            since=check.started_at,
        )
        try:
            return await self._store.read(
                partial(
                    build_instance_spec,
                    workspace=check.workspace,
                    spec=spec,
                    record=record,
                    object_path=self._object_path,
                    curated=self._curated,
                )
            )
        except TealError as error:
            raise _Failed(Failure(code=error.code, message=error.message, hint=error.hint)) from None

    async def _wait_until_ready(self, key: tuple[WorkspaceId, str], instance: InstanceSpec) -> InstanceObserved:
        """Until it answers as a probe would have it, or has said why it does not."""
        limit_s = (instance.start_limit_s or 0.0) + LAST_WORDS_S
        running_since: float | None = None
        while True:
            seen = self._backend.observe().get(instance.instance_id)
            if seen is None or seen.phase is InstancePhase.STOPPING:  # the server is being brought down
                raise asyncio.CancelledError
            self._see(key, seen)
            if seen.phase is InstancePhase.EXITED:
                raise _Failed(seen.failure or Failure(code="InstanceExited", message="The instance ended."))
            if seen.phase is InstancePhase.RUNNING and await ask(_url(seen), timeout_s=LAST_WORDS_S) is None:
                return seen
            if running_since is None and seen.phase is not InstancePhase.PREPARING:
                running_since = self._clock()
            if running_since is not None and self._clock() - running_since > limit_s:
                raise _Failed(build_late_failure(limit_s, seen, None))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _ask(
        self, key: tuple[WorkspaceId, str], instance: InstanceSpec, seen: InstanceObserved, sample: SampleRequest
    ) -> SampleAnswer:
        self._see(key, seen, PhaseTime(ASKING, self._clock()))
        timeout_s = instance.request_timeout_ms / 1000
        # As the gateway would send it: then errors have their names, and deadlines their effect.
        headers = {
            "content-type": sample.content_type,
            "x-teal-deployment": instance.deployment,
            "x-envoy-expected-rq-timeout-ms": str(instance.request_timeout_ms),
        }
        try:
            async with (
                httpx.AsyncClient(trust_env=False, timeout=timeout_s + LAST_WORDS_S) as client,
                client.stream("POST", f"{_url(seen)}score", content=sample.body, headers=headers) as response,
            ):
                answer = SampleAnswer(response.status_code, await _read_beginning(response, timeout_s))
        except httpx.HTTPError as error:
            raise _Failed(await self._explain_silence(instance, error)) from None
        if not response.is_success:
            logged = await self._backend.logs(instance.instance_id, container="inference-server", tail=_EVIDENCE_LINES)
            raise _Failed(_build_answer_failure(answer, logged), answer)
        return answer

    async def _explain_silence(self, instance: InstanceSpec, error: httpx.HTTPError) -> Failure:
        """Whether it has died of the request, which its exit record tells better than a broken connection."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                while True:
                    seen = self._backend.observe().get(instance.instance_id)
                    if seen is not None and seen.phase is InstancePhase.EXITED and seen.failure is not None:
                        message = f"{seen.failure.message} It had the sample request in hand."
                        return replace(seen.failure, message=message)
                    await asyncio.sleep(LOOK_EVERY_S)
        return Failure(
            code="SampleRequestFailed",
            message=f"The sample request was not answered: {str(error) or type(error).__name__}.",
        )

    def _see(self, key: tuple[WorkspaceId, str], seen: InstanceObserved, *more: PhaseTime) -> None:
        check = self._checks[key]
        phases = build_phases(check.started_at, (*seen.phases, *more))
        doing = phases[-1].name if more or seen.phase is InstancePhase.RUNNING else seen.detail or phases[-1].name
        self._checks[key] = replace(check, phases=phases, doing=doing, notes=seen.notes)

    async def _remove(self, instance_id: str) -> str:
        """Have the instance gone; what it has logged."""
        logged = await self._backend.logs(instance_id, container="inference-server", tail=LOG_LINES)
        await self._backend.remove(instance_id, grace_s=REMOVAL_GRACE_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(REMOVED_WITHIN_S):
                while True:
                    if instance_id not in self._backend.observe():
                        break
                    await asyncio.sleep(LOOK_EVERY_S)
        return logged

    def _hear_end(self, key: tuple[WorkspaceId, str], task: "asyncio.Task[None]") -> None:
        del self._tasks[key]
        self._ending.discard(key)
        check = self._checks[key]
        if task.cancelled():
            self._checks[key] = _end(replace(check, state=CheckState.CANCELED), self._clock())
        elif (error := task.exception()) is not None:
            log.error("check %s failed in a way nobody expected", key[1], exc_info=error)
            failure = Failure(code="InternalServerError", message=f"Teal failed to run the check: {error!r}.")
            self._checks[key] = _end(replace(check, state=CheckState.FAILED, failure=failure), self._clock())


def load_example(instance: InstanceSpec) -> SampleRequest | None:
    """What an MLflow model was logged with as its `input_example`; None where there is none."""
    if instance.mlflow_model is None or instance.model is None:
        return None
    path = f"{instance.mlflow_model}/{_EXAMPLE}".removeprefix("./").lstrip("/")
    source = next((file.source for file in instance.model.files if file.path == path), None)
    return SampleRequest(Path(source).read_bytes()) if source else None


# --- private

_EVIDENCE_LINES = 30
_EXAMPLE = "serving_input_example.json"
"""What MLflow writes beside a model that was logged with an `input_example`, in the form that its server takes."""


class _Failed(Exception):
    def __init__(self, failure: Failure, answer: SampleAnswer | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.answer = answer


def _end(check: Check, now: float, logged: str = "") -> Check:
    return replace(check, phases=close_phases(check.phases, now), log=logged, ended_at=now, doing="")


async def _read_beginning(response: httpx.Response, within_s: float) -> str:
    """As much of an answer as is kept: a streamed one may have no end."""
    text = ""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            async for part in response.aiter_text():
                text += part
                if len(text) >= MAX_ANSWER_CHARS:
                    break
    return text[:MAX_ANSWER_CHARS]


def _url(seen: InstanceObserved) -> str:
    return f"http://{seen.address}:{seen.port}/"


def _build_answer_failure(answer: SampleAnswer, logged: str) -> Failure:
    """By the name that the scoring server gives it; its traceback is in the log."""
    try:
        error = json.loads(answer.body)["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        code, message = "SampleRequestFailed", answer.body.strip()
    return Failure(
        code=code,
        message=f"The sample request was answered with {answer.status}: {message}",
        log_tail=logged or None,
        hint="Does the request fit what run() takes? The log shows what it did with it.",
    )
