from collections.abc import Callable

import httpx
import pytest

from teal.sdk import LROPoller, NotRunning, OperationFailed
from teal.sdk.addresses import ServerAddress
from teal.sdk.pollers import OUTAGE_GRACE_S, read_interval_s
from teal.sdk.transport import Conversation


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now += seconds


def poller(answer: Callable[[httpx.Request], httpx.Response], clock: Clock) -> LROPoller[str]:
    address = ServerAddress("https://arm.test", "secret")
    conversation = Conversation(address, transport=httpx.MockTransport(answer), sleep=lambda _: None)
    started = httpx.Response(201, headers={"Azure-AsyncOperation": "https://arm.test/operations/1"})
    return LROPoller(conversation, started, lambda: "done", clock=clock, sleep=clock.sleep)


def test_the_first_look_is_immediate_and_later_ones_wait_as_asked() -> None:
    answers = iter(
        [
            httpx.Response(200, json={"status": "InProgress"}, headers={"Retry-After": "2"}),
            httpx.Response(200, json={"status": "InProgress"}, headers={"retry-after-ms": "200"}),
            httpx.Response(200, json={"status": "Succeeded"}),
        ]
    )
    clock = Clock()
    assert poller(lambda _: next(answers), clock).result() == "done"
    assert clock.slept == [2.0, 0.2]


def test_done_does_not_ask_more_often_than_the_server_wants() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"status": "InProgress"}, headers={"Retry-After": "5"})

    clock = Clock()
    operation = poller(answer, clock)
    assert [operation.done(), operation.done(), operation.done()] == [False] * 3
    assert len(asked) == 1
    clock.now = 6.0
    assert not operation.done()
    assert len(asked) == 2


def test_a_server_that_waits_is_asked_to_and_asked_again_at_once() -> None:
    clock = Clock()
    waits = []

    def answer(request: httpx.Request) -> httpx.Response:
        waits.append(request.headers["prefer"])
        clock.now += 5.0
        if len(waits) < 3:
            headers = {"Preference-Applied": "wait=5", "retry-after-ms": "10"}
            return httpx.Response(200, json={"status": "InProgress"}, headers=headers)
        return httpx.Response(200, json={"status": "Succeeded"})

    assert poller(answer, clock).result() == "done"
    assert waits == ["wait=5"] * 3
    assert clock.slept == []


def test_waiting_ends_with_the_callers_patience() -> None:
    clock = Clock()

    def answer(request: httpx.Request) -> httpx.Response:
        clock.now += float(request.headers.get("prefer", "wait=0").removeprefix("wait="))
        headers = {"Preference-Applied": "wait", "retry-after-ms": "10"} if "prefer" in request.headers else {}
        return httpx.Response(200, json={"status": "InProgress"}, headers=headers)

    operation = poller(answer, clock)
    operation.wait(7.5)
    assert clock.now == pytest.approx(7.5)
    assert operation.status() == "InProgress"


def test_the_token_goes_with_every_look() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer secret"
        return httpx.Response(200, json={"status": "Succeeded"})

    poller(answer, Clock()).result()


def test_a_server_that_starts_again_meanwhile_is_waited_for() -> None:
    clock = Clock()

    def answer(request: httpx.Request) -> httpx.Response:
        if clock.now < OUTAGE_GRACE_S / 2:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(200, json={"status": "Succeeded"})

    assert poller(answer, clock).result() == "done"


def test_a_server_that_stays_away_is_reported() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(NotRunning):
        poller(answer, Clock()).result()


def test_canceled_without_a_reason_says_so() -> None:
    operation = poller(lambda _: httpx.Response(200, json={"status": "Canceled"}), Clock())
    with pytest.raises(OperationFailed, match=r"\(Canceled\) the operation ended Canceled without a reason"):
        operation.result()


def test_an_answer_without_an_operation_is_over_at_once() -> None:
    conversation = Conversation(ServerAddress("https://arm.test"), transport=httpx.MockTransport(_nobody_asks))
    assert LROPoller(conversation, httpx.Response(204), lambda: None).done()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0", "retry-after-ms": "40"}, 0.04),
        ({"retry-after": "soon"}, 0.5),
    ],
)
def test_intervals_are_read_from_either_header(headers: dict[str, str], seconds: float) -> None:
    assert read_interval_s(headers) == pytest.approx(seconds)


def _nobody_asks(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"asked for {request.url}")
