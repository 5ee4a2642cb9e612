"""Answers that come piece by piece: from a script's generator to the socket. Used by invocation.py and http.py.

Pieces are text, bytes, or anything JSON (then one line each). A bounded number of them is on its way at a time, so a
slow client slows the generator down and memory stays where it is.
"""

import asyncio
import collections
import concurrent.futures
import json
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, Protocol

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]

from .cut import cut_connection

PIECES_ON_THE_WAY = 16
LEAVES_WITHIN_S = 0.1

TEXT = "text/plain; charset=utf-8"
EVENTS = "text/event-stream"
LINES = "application/x-ndjson"
BYTES = "application/octet-stream"


class ClientGone(Exception):
    """Nobody reads the rest."""


class Transport(Protocol):
    """Granian's `response_stream`. Awaited on the event loop's thread only."""

    def send_bytes(self, data: bytes) -> Any: ...


def encode_piece(piece: object) -> bytes:
    if isinstance(piece, str):
        return piece.encode()
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return bytes(piece)
    return json.dumps(piece).encode() + b"\n"


def choose_content_type(first_piece: object, accept: str) -> str:
    """What a generator's pieces are, unless the script says so itself with an AMLResponse."""
    if isinstance(first_piece, str):
        return EVENTS if EVENTS in accept else TEXT
    return BYTES if isinstance(first_piece, (bytes, bytearray, memoryview)) else LINES


def encode_pieces(pieces: Iterable[object]) -> Iterator[bytes]:
    for piece in pieces:
        yield encode_piece(piece)


async def encode_pieces_async(pieces: AsyncIterator[object]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        yield encode_piece(piece)


def iterate_here(pieces: AsyncIterator[Any]) -> Iterator[Any]:
    """An asynchronous generator that a plain run() returned, on the thread of that run()."""
    loop = asyncio.new_event_loop()
    try:
        while True:
            try:
                yield loop.run_until_complete(anext(pieces))
            except StopAsyncIteration:
                return
    finally:
        if isinstance(pieces, collections.abc.AsyncGenerator):
            loop.run_until_complete(pieces.aclose())
        loop.close()


class StreamSink:
    """One streamed answer. `put` and `finish` belong to the scoring thread, `aput` to the script's loop."""

    def __init__(self, transport: Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: collections.deque[bytes | None] = collections.deque()
        self._room = threading.Semaphore(PIECES_ON_THE_WAY)
        self._sent_all = threading.Event()
        self._is_sending = False
        self._is_gone = False
        self.sent_bytes = 0

    def put(self, piece: bytes, timeout_s: float) -> None:
        """Hand a piece over; waits for room. Raises ClientGone, also when the client takes nothing for `timeout_s`."""
        if not self._room.acquire(timeout=min(timeout_s, threading.TIMEOUT_MAX)) or self._is_gone:
            raise ClientGone
        self._push(piece)

    def finish(self, timeout_s: float) -> None:
        """Wait until everything is sent."""
        self._push(None)
        self._sent_all.wait(timeout=min(timeout_s, threading.TIMEOUT_MAX))

    async def aput(self, piece: bytes) -> None:
        """The same as `put`, awaited on another loop than the server's."""
        self.sent_bytes += len(piece)
        sending: concurrent.futures.Future[None] = asyncio.run_coroutine_threadsafe(self._send(piece), self._loop)
        await asyncio.wrap_future(sending)
        if self._is_gone:
            raise ClientGone

    def cut(self, client: str) -> None:
        """Shut the connection to `client` once what was handed over has had time to leave.

        The answer is open until then, because the timer holds the transport.
        """
        self._loop.call_soon_threadsafe(self._loop.call_later, LEAVES_WITHIN_S, self._cut, client)

    # --- private

    def _cut(self, client: str) -> None:
        cut_connection(client)

    def _push(self, piece: bytes | None) -> None:
        self._pieces.append(piece)
        if piece:
            self.sent_bytes += len(piece)
        self._loop.call_soon_threadsafe(self._send_on)

    def _send_on(self) -> None:
        if not self._is_sending:
            self._is_sending = True
            self._task = self._loop.create_task(self._send_waiting(), name="stream")

    async def _send_waiting(self) -> None:
        while self._pieces:
            piece = self._pieces.popleft()
            if piece is None:
                self._sent_all.set()
                break
            await self._send(piece)
            self._room.release()
        self._is_sending = False

    async def _send(self, piece: bytes) -> None:
        if self._is_gone:
            return
        try:
            await self._transport.send_bytes(piece)
        except ProtocolClosed:
            self._is_gone = True
