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

GIVE_UP_AFTER_S = 600.0
FRESH_SHARE = 0.2
CHUNKED_SHARE = 0.05
AFTER_LOST_S = 0.05
# Some requests take long enough to be in somebody's hands when something happens.
WORK_SHARE, WORK_S = 0.1, 0.1
# Some answers come piece by piece, a few over a long time.
STREAM_SHARE, STREAM_S, LONG_STREAM_SHARE, PIECE_S = 0.01, 3.0, 0.05, 0.25
# Some clients do nothing but listen, so that there are streams whatever happens.
LISTEN_S = 20.0
# When something is about to be killed, everybody has a request in its hands.
PRESSED_S = 0.5
NAMED_SHARE = 0.1
CALLERS = 200
PAUSED_S = 0.02


CALLER = "x-soak-caller"
DEPLOYMENT = "azureml-model-deployment"

ReportCut = Callable[[], None]
"""Called when the server has closed a kept connection of which nothing had said that it would be."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where requests go. `key` is asked anew for every request, by a client's number."""

    host: str
    port: int
    path: str
    key: Callable[[int], str]
    tls: ssl.SSLContext | None = None

    def build_headers(self, number: int, caller: str, named: str | None) -> dict[str, str]:
        headers = {
            "host": f"{self.host}:{self.port}",
            "content-type": "application/json",
            "authorization": f"Bearer {self.key(number)}",
            CALLER: caller,
        }
        return headers | ({DEPLOYMENT: named} if named else {})


class Sender(Protocol):
    """One way to send requests, one at a time."""

    async def ask(self, door: Door, headers: dict[str, str], body: bytes, report_cut: ReportCut) -> Reply:
        """The whole answer; raises Lost."""

    async def close(self) -> None: ...


class Http1Sender:
    """A connection kept as long as both sides like, or a fresh one."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._connection: Connection | None = None

    async def ask(self, door: Door, headers: dict[str, str], body: bytes, report_cut: ReportCut) -> Reply:
        connection, self._connection = self._connection, None
        if connection is not None and connection.is_closed_by_server:
            report_cut()
        if connection is not None and (connection.is_closed_by_server or self._random.random() < FRESH_SHARE):
            await connection.close()
            connection = None
        connection = connection or await Connection.open(door.host, door.port, door.tls)
        try:
            reply = await connection.ask(door.path, headers, body, is_chunked=self._random.random() < CHUNKED_SHARE)
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

    async def get(self, door: Door, report_cut: ReportCut) -> http2.Connection:
        async with self._opening:
            if self._connections and self._connections[-1].is_closing and not self._connections[-1].was_told:
                report_cut()
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

    async def ask(self, door: Door, headers: dict[str, str], body: bytes, report_cut: ReportCut) -> Reply:
        while True:
            connection = await self._connections.get(door, report_cut)
            with suppress(http2.NotServed):
                return await connection.ask(f"{door.host}:{door.port}", door.path, headers, body)

    async def close(self) -> None:
        await self._connections.close()


class Client:
    """Asks, waits for the answer, checks it, pauses, asks again."""

    def __init__(
        self,
        name: str,
        number: int,
        sender: Sender,
        door: Door,
        ledger: Ledger,
        bodies: Bodies,
        random: Random,
        *,
        pause_s: float,
        longest_stream_s: float,
        only_listens: bool = False,
    ) -> None:
        self._name = name
        self._number = number
        self._only_listens = only_listens
        self._last_used_at = 0.0
        self._sender = sender
        self._door = door
        self._ledger = ledger
        self._bodies = bodies
        self._random = random
        self._pause_s = pause_s
        self._longest_stream_s = longest_stream_s
        self._ids = count(1)

    async def run(self, ended: asyncio.Event, clock: Callable[[], float]) -> None:
        """Until told to end; the request in hand is finished first."""
        while not ended.is_set():
            if self._ledger.is_paused:
                await asyncio.sleep(PAUSED_S)
                continue
            answered = await self._ask_once(clock)
            self._ledger.record(answered)
            pause_s = self._random.expovariate(1) * self._pause_s
            await asyncio.sleep(AFTER_LOST_S if answered.status is None else pause_s)

    # --- private

    def _draw_work(self) -> tuple[float, int]:
        """Seconds that the answer takes, and in how many pieces it comes."""
        if self._only_listens:
            work_s = min(self._longest_stream_s, LISTEN_S) * self._random.random()
            return work_s, max(2, int(work_s / PIECE_S))
        if self._ledger.is_pressed:
            return PRESSED_S, 0
        if self._random.random() < STREAM_SHARE:
            is_long = self._random.random() < LONG_STREAM_SHARE
            work_s = (
                self._longest_stream_s if is_long else min(self._longest_stream_s, STREAM_S) * self._random.random()
            )
            return work_s, max(2, int(work_s / PIECE_S))
        return (self._random.expovariate(1) * WORK_S if self._random.random() < WORK_SHARE else 0.0), 0

    async def _ask_once(self, clock: Callable[[], float]) -> Answered:
        id = f"{self._name}-{next(self._ids)}"
        size = self._bodies.draw_size()
        work_s, pieces = self._draw_work()
        body = self._bodies.build(id, size, work_s, pieces)
        caller = f"caller-{self._random.randrange(CALLERS)}"
        names = self._ledger.nameable
        named = self._random.choice(names) if names and self._random.random() < NAMED_SHARE else None
        asked = Asked(id, self._name, len(body.content), clock(), self._ledger.epoch, work_s, pieces, named, caller)
        headers = self._door.build_headers(self._number, caller, named)
        last_used_at, self._last_used_at = self._last_used_at, asked.sent_at
        self._ledger.send(asked)
        try:
            async with asyncio.timeout(GIVE_UP_AFTER_S):
                reply = await self._sender.ask(
                    self._door,
                    headers,
                    body.content,
                    lambda: self._ledger.note_cut(self._name, last_used_at, clock()),
                )
        except Lost as lost:
            return Answered(asked, clock(), None, str(lost))
        except TimeoutError:
            return Answered(asked, clock(), None, f"no answer within {GIVE_UP_AFTER_S:g} s")
        problem, code = self._check(asked, body, reply)
        named, request_id = reply.headers.get(DEPLOYMENT, ""), reply.headers.get("x-request-id", "")
        return Answered(asked, clock(), reply.status, problem, code, named, request_id)

    def _check(self, asked: Asked, body: Body, reply: Reply) -> tuple[str, str]:
        """What is wrong with an answer ("" for nothing), and its error code if it has one."""
        if reply.status != 200:
            return _parse_error(reply.body)
        *pieces, last = reply.body.rstrip(b"\n").split(b"\n")
        try:
            said = json.loads(last)
            numbers = [json.loads(piece)["piece"] for piece in pieces]
        except (ValueError, KeyError):
            return f"not what was asked for: {reply.body[:100]!r}", ""
        if numbers != list(range(asked.pieces)):
            return f"{len(numbers)} pieces of {asked.pieces}", ""
        named = reply.headers.get(DEPLOYMENT)
        if said.get("id") != asked.id:
            return f"the answer to {said['id']}", ""
        if said["sha256"] != body.sha256:
            return "the request arrived changed", ""
        if said["deployment"] != named:
            return f"answered by {said['deployment']}, header says {named}", ""
        if not self._ledger.is_right(asked, said["deployment"], said["version"]):
            return f"answered by {said['deployment']} {said['version']}, which was not in force", ""
        if not self._ledger.has_stayed(asked, said["deployment"]):
            return f"{asked.caller} was moved away to {said['deployment']}", ""
        return "", ""


def start_clock() -> Callable[[], float]:
    """Seconds since now."""
    start = time.monotonic()
    return lambda: time.monotonic() - start


# --- private


def _parse_error(body: bytes) -> tuple[str, str]:
    """Message and code of an answer that is no success."""
    try:
        error = json.loads(body)["error"]
        return str(error["message"])[:200], str(error["code"])
    except (ValueError, KeyError, TypeError):
        return f"not an error as Azure writes them: {body[:200]!r}", ""
