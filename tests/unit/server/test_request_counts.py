"""Answers say how many requests a deployment had, and never wait for a gateway that takes its time."""

import asyncio
from collections.abc import Mapping

import httpx

from teal.gateway.traffic import TrafficObserved
from teal.server.request_counts import RequestCounts
from tests.harness.waiting import wait_until


class SlowGateway:
    """Answers when `may_answer` is set, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may_answer = asyncio.Event()
        self.error: Exception | None = None

    async def observe(self, endpoint: str) -> Mapping[str, TrafficObserved]:
        self.asked.append(endpoint)
        await self.may_answer.wait()
        if self.error:
            raise self.error
        return {"blue": TrafficObserved(requests_total=7, mirrored_total=2)}


async def test_a_gateway_is_asked_once_for_many_answers() -> None:
    gateway = SlowGateway()
    gateway.may_answer.set()
    counts = RequestCounts(gateway.observe)
    answers = [await counts("churn") for _ in range(5)]
    expected = {"live": 7, "mirrored": 2, "mirror_dropped": 0, "mirror_skipped": 0}
    assert all(answer == {"blue": expected} for answer in answers)
    assert gateway.asked == ["churn"]


async def test_a_slow_gateway_is_not_waited_for_and_not_asked_twice() -> None:
    gateway = SlowGateway()
    counts = RequestCounts(gateway.observe)
    assert list(await asyncio.gather(counts("churn"), counts("churn"))) == [None, None]
    assert gateway.asked == ["churn"]
    gateway.may_answer.set()

    async def is_known() -> bool:
        return bool(await counts("churn"))

    await wait_until(is_known)
    assert gateway.asked == ["churn"]


async def test_without_a_gateway_there_are_no_counts() -> None:
    gateway = SlowGateway()
    gateway.error = httpx.ConnectError("no Envoy")
    gateway.may_answer.set()
    assert await RequestCounts(gateway.observe)("churn") is None
