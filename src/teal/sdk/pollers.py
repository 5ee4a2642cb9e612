"""Waiting for a long-running operation (spec/wire.md §2.1); names as in azure.core.polling.LROPoller.

Nothing runs in the background: `done()` looks when it is time to look, `wait()` and `result()` look until it is over.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import httpx

from teal.sdk.errors import NotRunning, OperationFailed, OperationTimedOut
from teal.sdk.transport import Conversation

T = TypeVar("T")

#: How long a server may be gone in the middle of an operation: it may be starting again.
OUTAGE_GRACE_S = 30.0
DEFAULT_INTERVAL_S = 0.5
#: How long one question may stay open at a server that answers only when there is something to say.
LONG_LOOK_S = 5.0


class LROPoller(Generic[T]):
    """One operation under way; made by the `begin_…` methods."""

    def __init__(
        self,
        conversation: Conversation,
        answer: httpx.Response,
        read_result: Callable[[], T],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._conversation = conversation
        self._read_result = read_result
        self._clock = clock
        self._sleep = sleep
        self._url = answer.headers.get("Azure-AsyncOperation")
        self._status = "InProgress" if self._url else "Succeeded"
        self._error: Mapping[str, Any] = {}
        # The first look is immediate; later ones wait as long as the latest answer asks.
        self._next_look = clock()
        self._lost_since: float | None = None
        self._server_waits = False
        self._result: list[T] = []

    def status(self) -> str:
        """`InProgress`, `Succeeded`, `Failed` or `Canceled`, as last seen."""
        return self._status

    def done(self) -> bool:
        """Whether it is over; asks the server if it is time to ask again."""
        if not self._over() and self._clock() >= self._next_look:
            self._look()
        return self._over()

    def wait(self, timeout: float | None = None) -> None:
        """Return when it is over, or after `timeout` seconds."""
        deadline = None if timeout is None else self._clock() + timeout
        while not self._over():
            left = LONG_LOOK_S if deadline is None else deadline - self._clock()
            if left <= 0:
                return
            patience_s = int(min(left, LONG_LOOK_S))
            pause = self._next_look - self._clock()
            if pause > 0 and not (patience_s and self._server_waits):
                self._sleep(min(pause, left))
            else:
                self._look(patience_s)

    def result(self, timeout: float | None = None) -> T:
        """What came of it; raises OperationFailed with the server's reason, or OperationTimedOut."""
        self.wait(timeout)
        if not self._over():
            raise OperationTimedOut(f"still {self._status} after {timeout:g} s; it goes on at the server")
        if self._status.lower() != "succeeded":
            code = str(self._error.get("code") or self._status)
            message = str(self._error.get("message") or f"the operation ended {self._status} without a reason")
            raise OperationFailed(code, message, status=self._status)
        if not self._result:
            self._result.append(self._read_result())
        return self._result[0]

    # --- private

    def _over(self) -> bool:
        return self._status.lower() in ("succeeded", "failed", "canceled")

    def _look(self, patience_s: int = 0) -> None:
        """Ask once. A server that honours `Prefer: wait` (RFC 7240) answers when it is over, and may be asked again."""
        assert self._url is not None
        headers = {"Prefer": f"wait={patience_s}"} if patience_s else {}
        try:
            response = self._conversation.request("GET", self._url, kind=None, headers=headers)
        except NotRunning:
            now = self._clock()
            self._lost_since = now if self._lost_since is None else self._lost_since
            if now - self._lost_since > OUTAGE_GRACE_S:
                raise
            self._next_look = now + DEFAULT_INTERVAL_S
            self._server_waits = False
            return
        self._lost_since = None
        self._server_waits = "Preference-Applied" in response.headers
        body = response.json()
        self._status = str(body.get("status") or "InProgress")
        self._error = body.get("error") or {}
        self._next_look = self._clock() + read_interval_s(response.headers)


def read_interval_s(headers: Mapping[str, str]) -> float:
    """How long to wait: `Retry-After` in seconds, `retry-after-ms` in milliseconds; 0 is as absent."""
    for name, unit_s in (("retry-after", 1.0), ("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001)):
        try:
            interval = float(headers.get(name) or 0) * unit_s
        except ValueError:
            continue
        if interval > 0:
            return interval
    return DEFAULT_INTERVAL_S
