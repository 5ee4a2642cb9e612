"""The story that the demo plays: a safe rollout from blue to green, through the `teal` command line, under traffic."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from examples.demo.answers import Question, Sample, predictions_in
from examples.demo.command import CommandFailed, Teal
from examples.demo.rows import Row, Shadow, build_row
from examples.demo.traffic import Traffic
from examples.demo.view import View

ENDPOINT = "diabetes"
FEW, MANY = 500, 2000  # requests sampled where a split leaves no choice, and where it does
MIRROR_PERCENT = 10
COUNTERS_SETTLE_WITHIN_S = 15


@dataclass(frozen=True, slots=True)
class Verdict:
    sent: int
    failures: tuple[str, ...]
    problems: tuple[str, ...]


async def roll_out(teal: Teal, questions: Sequence[Question], view: View) -> Verdict:
    """Deploy blue, then play the rollout while a client keeps asking; what the client saw is the verdict."""
    view.begin("registering the model of blue")
    await teal.run(
        *("ml", "model", "create", "--name", "diabetes-linear", "--version", "1", "--path", "models/linear.joblib")
    )
    view.begin("creating the endpoint")
    await teal.run("ml", "online-endpoint", "create", "--file", "endpoint.yml")
    view.begin("creating blue with all traffic (builds its environment)")
    await teal.run("ml", "online-deployment", "create", "--file", "blue-deployment.yml", "--all-traffic")
    endpoint = await teal.run("ml", "online-endpoint", "show", "--name", ENDPOINT)
    credentials = await teal.run("ml", "online-endpoint", "get-credentials", "--name", ENDPOINT)

    traffic = Traffic(endpoint["scoring_uri"], credentials["primaryKey"], questions)
    story = Story(teal, traffic, view)
    view.watch(story.row_in_progress, lambda: f"{traffic.sent} requests sent, {len(traffic.failures)} failed")
    async with asyncio.TaskGroup() as group:
        group.create_task(traffic.run(), name="client")
        await story.play()
        traffic.stop()

    view.begin("deleting the endpoint")
    await teal.run("ml", "online-endpoint", "delete", "--name", ENDPOINT, "--yes")
    return Verdict(traffic.sent, tuple(traffic.failures), tuple(story.problems))


class Story:
    """The steps in their order, each ending in a row of the table."""

    def __init__(self, teal: Teal, traffic: Traffic, view: View) -> None:
        self.problems: list[str] = []
        self._teal = teal
        self._traffic = traffic
        self._view = view
        self._step = ""
        self._wanted: Mapping[str, int] = {}
        self._failed_before = 0

    async def play(self) -> None:
        await self._sample("blue serves", {"blue": 100}, FEW)

        self._view.begin("scaling blue to two instances")
        await self._deployment("update", "blue", "--set", "instance_count=2")
        await self._sample("blue, two instances", {"blue": 100}, FEW)

        self._view.begin("creating green beside it")
        await self._teal.run("ml", "online-deployment", "create", "--file", "green-deployment.yml")
        await self._sample("green is up, unseen", {"blue": 100, "green": 0}, FEW)

        await self._call_green_by_name()
        await self._mirror_to_green()

        self._view.begin("giving green 10 % of the traffic")
        await self._endpoint("update", "--traffic", "blue=90 green=10")
        await self._sample("10 % to green", {"blue": 90, "green": 10}, MANY)

        self._view.begin("giving green all traffic")
        await self._endpoint("update", "--traffic", "blue=0 green=100")
        await self._sample("100 % to green", {"blue": 0, "green": 100}, FEW)

        self._view.begin("deleting blue")
        await self._deployment("delete", "blue", "--yes")
        await self._sample("blue is gone", {"green": 100}, FEW)

    def row_in_progress(self) -> Row | None:
        sample = self._traffic.current
        return build_row(self._step, self._wanted, sample, self._failed()) if sample else None

    # --- private

    async def _call_green_by_name(self) -> None:
        self._view.begin("calling green by its name")
        answer = await self._endpoint(
            *("invoke", "--deployment-name", "green", "--request-file", "sample-request.json")
        )
        said = json.loads(answer) if isinstance(answer, str) else answer
        numbers = ", ".join(f"{number:.1f}" for number in predictions_in(said))
        row = Row("green by name", wanted="green", seen=f"model {said['model']}: {numbers}")
        if said["model"] != "boosting":
            row = Row(row.step, row.wanted, row.seen, problems=(f"{said['model']} answered a call of green by name",))
        self._add(row)

    async def _mirror_to_green(self) -> None:
        """Requests that name a deployment are never copied: outside the sample the client names blue.

        So exactly the sample may be copied, although the client never pauses.
        """
        self._view.begin(f"mirroring {MIRROR_PERCENT} % to green")
        await self._traffic.name_between_samples("blue")
        before = await self._copies_sent()
        await self._endpoint("update", "--mirror-traffic", f"green={MIRROR_PERCENT}")
        sample = await self._take_sample("mirror 10 % to green", {"blue": 100, "green": 0}, MANY)
        shadow = await self._count_copies(before, sample)
        await self._endpoint("update", "--mirror-traffic", "green=0")
        await self._traffic.name_between_samples(None)
        self._add(build_row(self._step, self._wanted, sample, self._failed(), shadow))

    async def _count_copies(self, before: int, sample: Sample) -> Shadow:
        """The server's own count, once it is within bounds and has stopped moving, or when time is up."""
        loop = asyncio.get_running_loop()
        until, last = loop.time() + COUNTERS_SETTLE_WITHIN_S, -1
        while True:
            shadow = Shadow(await self._copies_sent() - before, MIRROR_PERCENT, sample.size)
            if (shadow.is_good and shadow.copies == last) or loop.time() > until:
                return shadow
            last = shadow.copies
            await asyncio.sleep(0.3)

    async def _copies_sent(self) -> int:
        shown = await self._deployment("show", "green")
        copies = shown["observed"]["requests"]["mirrored"]
        if not isinstance(copies, int):
            raise CommandFailed(f"the count of shadow copies is {copies!r}, not a number")
        return copies

    async def _sample(self, step: str, wanted: Mapping[str, int], size: int) -> None:
        sample = await self._take_sample(step, wanted, size)
        self._add(build_row(step, wanted, sample, self._failed()))

    async def _take_sample(self, step: str, wanted: Mapping[str, int], size: int) -> Sample:
        self._step, self._wanted = step, wanted
        return await self._traffic.sample(size)

    def _failed(self) -> int:
        """Requests that failed since the last row, those sent while nothing was sampled included."""
        return len(self._traffic.failures) - self._failed_before

    def _add(self, row: Row) -> None:
        self._failed_before = len(self._traffic.failures)
        self.problems += [f"{row.step}: {problem}" for problem in row.problems]
        self._view.add(row)

    async def _endpoint(self, verb: str, *words: str) -> Any:
        return await self._teal.run("ml", "online-endpoint", verb, "--name", ENDPOINT, *words)

    async def _deployment(self, verb: str, name: str, *words: str) -> Any:
        return await self._teal.run(
            *("ml", "online-deployment", verb, "--name", name, "--endpoint-name", ENDPOINT, *words)
        )
