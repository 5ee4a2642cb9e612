"""The demo's client: several connections that keep asking and check every answer. Run behind the steps."""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence

import httpx

from examples.demo.answers import Answer, Question, Sample, assess_answer

CONNECTIONS = 8
PAUSE_S = 0.02  # between two requests of a connection while nothing is sampled: leaves the processors to the set-up


class Traffic:
    """Asks the endpoint until stopped. `sample(n)` takes the next n requests at full speed."""

    def __init__(self, scoring_uri: str, key: str, questions: Sequence[Question]) -> None:
        self.sent = 0
        self.failures: list[str] = []
        self.current: Sample | None = None
        self._uri = scoring_uri
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._questions = itertools.cycle(questions)
        self._named: str | None = None
        self._unnamed_in_flight = 0
        self._stopping = False
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Until `stop`; requests in hand are finished."""
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        async with (
            httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as client,
            asyncio.TaskGroup() as group,
        ):
            for number in range(CONNECTIONS):
                group.create_task(self._keep_asking(client), name=f"connection {number}")

    def stop(self) -> None:
        self._stopping = True

    async def sample(self, size: int) -> Sample:
        """Answers to `size` requests sent from now on, none of which names a deployment."""
        sample = self.current = Sample(size)
        await self._until(lambda: sample.is_complete)
        self.current = None
        return sample

    async def name_between_samples(self, deployment: str | None) -> None:
        """Let every request outside a sample name its deployment, so that the gateway copies only what is sampled.

        Returns when no request sent before is still under way.
        """
        self._named = deployment
        await self._until(lambda: deployment is None or self._unnamed_in_flight == 0)

    # --- private

    async def _keep_asking(self, client: httpx.AsyncClient) -> None:
        while not self._stopping:
            sample = self.current if self.current is not None and self.current.take() else None
            if sample is None:
                await asyncio.sleep(PAUSE_S)
            named = None if sample else self._named
            self._unnamed_in_flight += named is None
            try:
                answer = await self._ask(client, next(self._questions), named)
            finally:
                self._unnamed_in_flight -= named is None
            self.sent += 1
            if answer.failure:
                self.failures.append(answer.failure)
            if sample is not None:
                sample.answers.append(answer)
            self._changed.set()

    async def _ask(self, client: httpx.AsyncClient, question: Question, named: str | None) -> Answer:
        headers = self._headers | ({"azureml-model-deployment": named} if named else {})
        began = time.perf_counter()
        try:
            response = await client.post(self._uri, content=question.body, headers=headers)
        except httpx.HTTPError as error:
            return Answer(None, time.perf_counter() - began, f"no answer: {error!r}")
        latency_s = time.perf_counter() - began
        deployment = response.headers.get("azureml-model-deployment")
        failure = assess_answer(question, response.status_code, deployment, response.content)
        if not failure and named and deployment != named:
            failure = f"{deployment} answered a request that named {named}"
        return Answer(deployment, latency_s, failure)

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            self._changed.clear()
            await self._changed.wait()
