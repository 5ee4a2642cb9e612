"""Ask every running instance whether it is alive and ready, and remember the answers. Owned by loop.py.

Teal starts asking at once and often; `initial_delay` is the latest time of the first probe (design §6). From the first
good answer on, Azure's probe fields mean what they mean there.
"""

import asyncio
import contextlib
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit
from zlib import crc32

from teal.domain.probes import ProbeRecord, ProbeSettings, assess_probe
from teal.reconcile.seen import Health

FIRST_INTERVAL_S = 0.02
LONGEST_FIRST_INTERVAL_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTarget:
    """One attempt of one instance, and how to ask it. `assume_passing`: it was in service before this server started;
    False: it had been, and was out of rotation since its readiness failed; None: it has never answered."""

    instance_id: str
    attempt: int
    url: str
    readiness: ProbeSettings
    liveness: ProbeSettings
    assume_passing: bool | None = None


class Prober:
    """Asks each watched instance in a task of its own; `changed` is called with its id when a verdict changes."""

    def __init__(self) -> None:
        self.changed: Callable[[str], None] = lambda _: None
        self._watched: dict[str, ProbeTarget] = {}
        self._health: dict[str, Health] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._hurried: dict[str, asyncio.Event] = {}

    @property
    def health(self) -> Mapping[str, Health]:
        return self._health

    def watch(self, target: ProbeTarget) -> None:
        """Begin to ask; the same target again changes nothing, another attempt starts from nothing."""
        known = self._watched.get(target.instance_id)
        if known and replace(known, assume_passing=target.assume_passing) == target:
            return
        self.forget(target.instance_id)
        was_alive = None if target.assume_passing is None else True
        self._watched[target.instance_id] = target
        self._health[target.instance_id] = Health(ProbeRecord(target.assume_passing), ProbeRecord(was_alive))
        self._hurried[target.instance_id] = asyncio.Event()
        self._tasks[target.instance_id] = asyncio.create_task(self._ask(target), name=f"probe {target.instance_id}")

    def hurry(self, instance_id: str) -> None:
        """Ask again at once, unless that was done before: the instance says itself that it is ready."""
        if event := self._hurried.get(instance_id):
            event.set()

    def forget(self, instance_id: str) -> None:
        self._hurried.pop(instance_id, None)
        self._watched.pop(instance_id, None)
        self._health.pop(instance_id, None)
        if task := self._tasks.pop(instance_id, None):
            task.cancel()

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for id in list(self._watched):
            self.forget(id)
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    # --- private

    async def _ask(self, target: ProbeTarget) -> None:
        interval = FIRST_INTERVAL_S
        hurried = self._hurried[target.instance_id]
        while self._health[target.instance_id].readiness.passing is None:
            failure = await ask(target.url, target.readiness.timeout_s)
            self._first(target, failure)
            if failure and hurried.is_set():
                await asyncio.sleep(interval)
                interval = min(interval * 1.5, LONGEST_FIRST_INTERVAL_S)
            elif failure:
                interval = await _wait_for(hurried, interval)
        if _has_one_rhythm(target):
            await self._repeat(target, target.readiness, _BOTH)
            return
        async with asyncio.TaskGroup() as group:
            for which in _BOTH:
                group.create_task(self._repeat(target, getattr(target, which), (which,)))

    def _first(self, target: ProbeTarget, failure: str | None) -> None:
        """Before the first verdict a refused connection is no evidence of anything: only good answers count."""
        before = self._health[target.instance_id]
        if failure:
            record = replace(before.readiness, last_failure=failure)
        else:
            record = assess_probe(before.readiness, target.readiness, None)
        self._set(target, replace(before, readiness=record))

    async def _repeat(self, target: ProbeTarget, rhythm: ProbeSettings, verdicts: Sequence[str]) -> None:
        # Instances that are watched from the same moment on, as all are after a restart, are not asked all at once.
        pause_s = rhythm.period_s * _fraction(target.instance_id)
        while True:
            await asyncio.sleep(pause_s)
            pause_s = rhythm.period_s
            failure = await ask(target.url, rhythm.timeout_s)
            before = self._health[target.instance_id]
            after = {which: assess_probe(getattr(before, which), getattr(target, which), failure) for which in verdicts}
            self._set(target, replace(before, **after))

    def _set(self, target: ProbeTarget, health: Health) -> None:
        before = self._health[target.instance_id]
        self._health[target.instance_id] = health
        if (before.readiness.passing, before.liveness.passing) != (health.readiness.passing, health.liveness.passing):
            self.changed(target.instance_id)


async def ask(url: str, timeout_s: float) -> str | None:
    """None for a good answer (2xx), else what was wrong with it.

    A connection of its own each time: a pool makes thousands of probes wait for each other.
    """
    address = urlsplit(url)
    request = f"GET {address.path or '/'} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(timeout_s):
            line = await _ask_once(address.hostname or "", address.port or _HTTP, request.encode())
    except TimeoutError:
        return f"no answer within {timeout_s:g} s"
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__
    found = _STATUS_LINE.match(line)
    if found is None:
        return f"not an HTTP answer: {line[:80]!r}" if line else "the connection was closed without an answer"
    return None if found[1].startswith(b"2") else f"status {found[1].decode()}"


# --- private

_BOTH = ("readiness", "liveness")
_HTTP = 80
_LONGEST_PART = 4096
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})\b")


def _has_one_rhythm(target: ProbeTarget) -> bool:
    """Then one answer says both: it is the same question."""
    readiness, liveness = target.readiness, target.liveness
    return (readiness.period_s, readiness.timeout_s) == (liveness.period_s, liveness.timeout_s)


async def _ask_once(host: str, port: int, request: bytes) -> bytes:
    """The answer's first line, and what came with it. A socket alone, because asyncio's streams cost as much again."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as connection:
        connection.setblocking(False)
        await loop.sock_connect(connection, (host, port))
        await loop.sock_sendall(connection, request)
        answer = b""
        while b"\n" not in answer and len(answer) < _LONGEST_PART:
            part = await loop.sock_recv(connection, _LONGEST_PART)
            if not part:
                break
            answer += part
    return answer


async def _wait_for(hurried: asyncio.Event, interval: float) -> float:
    """Until somebody hurries, or the interval is over; the next interval."""
    try:
        async with asyncio.timeout(interval):
            await hurried.wait()
    except TimeoutError:
        return min(interval * 1.5, LONGEST_FIRST_INTERVAL_S)
    return FIRST_INTERVAL_S


def _fraction(instance_id: str) -> float:
    """Above 0, at most 1, always the same for an instance."""
    return (1 + crc32(instance_id.encode())) / 2**32
