"""The load: clients that ask without end, over HTTP/1.1 and HTTP/2, on kept and on fresh connections. Run by run.py.

Each request is checked for everything an answer can get wrong, and handed to the ledger, whatever came of it.
"""

import asyncio
import json
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Protocol

from soak import http2
from soak.bodies import Bodies, Body
from soak.http1 import Connection, Lost, Reply
from soak.ledger import Answered, Asked, Ledger

GIVE_UP_AFTER_S = 120.0
FRESH_SHARE = 0.2
AFTER_LOST_S = 0.05
# Some requests take long enough to be in somebody's hands when something happens.
WORK_SHARE, WORK_S = 0.1, 0.1


@dataclass(frozen=True, slots=True)
class Door:
    """Where requests go. `key` is asked anew for every request."""

    host: str
    port: int
    path: str
    key: Callable[[], str]
    tls: ssl.SSLContext | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {
            "host": f"{self.host}:{self.port}",
            "content-type": "application/json",
            "authorization": f"Bearer {self.key()}",
        }


class Sender(Protocol):
    """One way to send requests, one at a time."""

    async def ask(self, door: Door, body: bytes) -> Reply:
        """The whole answer; raises Lost."""

    async def close(self) -> None: ...


class Http1Sender:
    """A connection kept as long as both sides like, or a fresh one."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._connection: Connection | None = None

    async def ask(self, door: Door, body: bytes) -> Reply:
        connection, self._connection = self._connection, None
        if connection is not None and (connection.is_closed_by_server or self._random.random() < FRESH_SHARE):
            await connection.close()
            connection = None
        connection = connection or await Connection.open(door.host, door.port, door.tls)
        try:
            reply = await connection.ask(door.path, door.headers, body)
        except BaseException:
            connection.abort()
            raise
        if reply.is_last:
            connection.abort()
        else:
            self._connection = connection
        return reply

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()


class Http2Connections:
    """The one connection that HTTP/2 clients share; a new one when the server closes it."""

    def __init__(self) -> None:
        self._connections: list[http2.Connection] = []
        self._opening = asyncio.Lock()

    async def get(self, door: Door) -> http2.Connection:
        async with self._opening:
            # One that the server is closing may still be answering: it is let alone.
            if not self._connections or self._connections[-1].is_closing:
                self._connections.append(await http2.Connection.open(door.host, door.port, door.tls))
            return self._connections[-1]

    async def close(self) -> None:
        while self._connections:
            await self._connections.pop().close()


class Http2Sender:
    """One of several that share a connection. What the server says it has not served is sent again."""

    def __init__(self, connections: Http2Connections) -> None:
        self._connections = connections

    async def ask(self, door: Door, body: bytes) -> Reply:
        while True:
            connection = await self._connections.get(door)
            with suppress(http2.NotServed):
                return await connection.ask(f"{door.host}:{door.port}", door.path, door.headers, body)

    async def close(self) -> None:
        await self._connections.close()


class Client:
    """Asks, waits for the answer, checks it, pauses, asks again."""

    def __init__(
        self, name: str, sender: Sender, door: Door, ledger: Ledger, bodies: Bodies, random: Random, *, pause_s: float
    ) -> None:
        self._name = name
        self._sender = sender
        self._door = door
        self._ledger = ledger
        self._bodies = bodies
        self._random = random
        self._pause_s = pause_s
        self._ids = count(1)

    async def run(self, ended: asyncio.Event, clock: Callable[[], float]) -> None:
        """Until told to end; the request in hand is finished first."""
        while not ended.is_set():
            answered = await self._ask_once(clock)
            self._ledger.record(answered)
            pause_s = self._random.expovariate(1) * self._pause_s
            await asyncio.sleep(AFTER_LOST_S if answered.status is None else pause_s)

    # --- private

    async def _ask_once(self, clock: Callable[[], float]) -> Answered:
        id = f"{self._name}-{next(self._ids)}"
        size = self._bodies.draw_size()
        work_s = self._random.expovariate(1) * WORK_S if self._random.random() < WORK_SHARE else 0.0
        body = self._bodies.build(id, size, work_s)
        asked = Asked(id, self._name, len(body.content), clock(), self._ledger.epoch, work_s)
        self._ledger.send(asked)
        try:
            async with asyncio.timeout(GIVE_UP_AFTER_S):
                reply = await self._sender.ask(self._door, body.content)
        except Lost as lost:
            return Answered(asked, clock(), None, str(lost))
        except TimeoutError:
            return Answered(asked, clock(), None, f"no answer within {GIVE_UP_AFTER_S:g} s")
        problem, code = self._check(asked, body, reply)
        return Answered(asked, clock(), reply.status, problem, code)

    def _check(self, asked: Asked, body: Body, reply: Reply) -> tuple[str, str]:
        """What is wrong with an answer ("" for nothing), and its error code if it has one."""
        try:
            said = json.loads(reply.body)
        except ValueError:
            return f"not JSON: {reply.body[:100]!r}", ""
        if reply.status != 200:
            error = said.get("error") or {}
            return str(error.get("message", said))[:200], str(error.get("code", ""))
        named = reply.headers.get("azureml-model-deployment")
        if said["id"] != asked.id:
            return f"the answer to {said['id']}", ""
        if said["sha256"] != body.sha256:
            return "the request arrived changed", ""
        if said["deployment"] != named:
            return f"answered by {said['deployment']}, header says {named}", ""
        if not self._ledger.is_right(asked, said["deployment"], said["version"]):
            return f"answered by {said['deployment']} {said['version']}, which was not in force", ""
        return "", ""


def start_clock() -> Callable[[], float]:
    """Seconds since now."""
    start = time.monotonic()
    return lambda: time.monotonic() - start
