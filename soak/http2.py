"""One HTTP/2 connection without TLS or with it, shared by several askers; hides nothing. Used by clients.py.

A stream that the server says it has not begun to serve (GOAWAY below its number, REFUSED_STREAM: RFC 9113 §8.7) raises
`NotServed`, which is no loss: such a request may be sent again.
"""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from hyperframe.frame import Frame, GoAwayFrame

from soak.http1 import BROKEN, Lost, Reply

READ_BYTES = 256 * 1024
DROPPED = frozenset({"host", "connection"})


class NotServed(Lost):
    """The server has not looked at the request; it may be sent again, on another connection."""


class Connection:
    """Any number of requests at once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._h2 = _Conversation(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._streams: dict[int, _Stream] = {}
        self._may_send = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._scheme = "http"
        self.is_closing = False
        self.was_told = False

    @classmethod
    async def open(cls, host: str, port: int, tls: ssl.SSLContext | None = None) -> "Connection":
        try:
            connection = cls(*await asyncio.open_connection(host, port, ssl=tls))
        except OSError as error:
            raise Lost(f"no connection: {error}") from error
        connection._scheme = "http" if tls is None else "https"
        connection._h2.initiate_connection()
        connection._flush()
        connection._reading = asyncio.create_task(connection._read(), name="HTTP/2 connection")
        return connection

    async def ask(self, authority: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        if self.is_closing:
            raise NotServed("the server is closing this connection")
        number = self._h2.get_next_available_stream_id()
        stream = self._streams[number] = _Stream()
        pseudo = {":method": "POST", ":scheme": self._scheme, ":authority": authority, ":path": path}
        kept = {name: value for name, value in headers.items() if name not in DROPPED}
        try:
            self._h2.send_headers(number, [*(pseudo | kept | {"content-length": str(len(body))}).items()])
            await self._send_body(number, stream, body)
            await stream.ended.wait()
        except (ProtocolError, OSError) as error:
            raise Lost(f"{BROKEN}: {type(error).__name__} {error}") from error
        finally:
            del self._streams[number]
        if stream.lost is not None:
            raise stream.lost
        status = int(stream.headers[":status"])
        return Reply(status, stream.headers, bytes(stream.body))

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    # --- private

    async def _send_body(self, number: int, stream: "_Stream", body: bytes) -> None:
        """As the server's windows allow; ends early when the answer is there already. The last piece ends the request:
        an end of its own would come after an answer that is quick, and Envoy gives up a copy then."""
        left = memoryview(body)
        while left and not stream.ended.is_set():
            room = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
            if room <= 0:
                self._may_send.clear()
                self._flush()
                await self._may_send.wait()
                continue
            piece, left = left[:room], left[room:]
            self._h2.send_data(number, bytes(piece), end_stream=not left)
            self._flush()
            await self._writer.drain()

    def _flush(self) -> None:
        self._writer.write(self._h2.data_to_send())

    async def _read(self) -> None:
        lost = f"{BROKEN}: it was closed"
        try:
            while data := await self._reader.read(READ_BYTES):
                for event in self._h2.receive_data(data):
                    self._take(event)
                self._flush()
        except (ProtocolError, OSError) as error:
            lost = f"{BROKEN}: {type(error).__name__} {error}"
        finally:
            self.is_closing = True
            for stream in self._streams.values():
                stream.lose(Lost(lost))
            self._may_send.set()

    def _take(self, event: Event) -> None:
        if isinstance(event, WindowUpdated):
            self._may_send.set()
        if isinstance(event, ConnectionTerminated):
            self.is_closing = self.was_told = True
            for number, each in self._streams.items():
                if event.last_stream_id is not None and number > event.last_stream_id:
                    each.lose(NotServed("the server went away before it"))
            self._may_send.set()
        stream = self._streams.get(getattr(event, "stream_id", None) or 0)
        if isinstance(event, DataReceived):
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if stream is None:
            return
        if isinstance(event, ResponseReceived):
            stream.headers = {str(name): str(value) for name, value in event.headers}
        elif isinstance(event, DataReceived):
            stream.body += event.data
        elif isinstance(event, StreamEnded):
            stream.ended.set()
            self._may_send.set()
        elif isinstance(event, StreamReset) and not stream.ended.is_set():
            refused = event.error_code == ErrorCodes.REFUSED_STREAM
            stream.lose((NotServed if refused else Lost)(f"the stream was reset: {event.error_code!r}"))
            self._may_send.set()


# --- private


class _Conversation(H2Connection):
    """As h2 has it, but that GOAWAY ends nothing that has begun (RFC 9113 §6.8): h2 takes no frame after it."""

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        event = ConnectionTerminated()
        event.error_code, event.last_stream_id = frame.error_code, frame.last_stream_id
        return [], [event]


@dataclass(slots=True)
class _Stream:
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    lost: Lost | None = None

    def lose(self, lost: Lost) -> None:
        if not self.ended.is_set():
            self.lost = lost
            self.ended.set()
