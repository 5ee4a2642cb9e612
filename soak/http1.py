"""One HTTP/1.1 connection that does exactly what it is told and hides nothing: no retries, no reconnecting. Used by
clients.py."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass

LIMIT_BYTES = 1024 * 1024
BROKEN = "the connection broke"


class Lost(Exception):
    """The connection gave no whole answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. `is_last`: the server closes the connection behind it."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_last: bool = False


class Connection:
    """At most one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, host: str, port: int, tls: ssl.SSLContext | None = None) -> "Connection":
        try:
            return cls(*await asyncio.open_connection(host, port, ssl=tls, limit=LIMIT_BYTES))
        except OSError as error:
            raise Lost(f"no connection: {error}") from error

    @property
    def is_closed_by_server(self) -> bool:
        """Known without sending anything: such a connection is not used again."""
        return self._reader.at_eof() or self._reader.exception() is not None

    def abort(self) -> None:
        """At once, whatever is still to be sent."""
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def ask(self, path: str, headers: dict[str, str], body: bytes, *, is_chunked: bool = False) -> Reply:
        """The answer; one that comes before the whole body was sent counts too. `is_chunked`: how long the body is, is
        not said beforehand."""
        length = "transfer-encoding: chunked" if is_chunked else f"content-length: {len(body)}"
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        head = "\r\n".join([*lines, length]).encode() + b"\r\n\r\n"
        try:
            self._writer.write(head + (b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if is_chunked else body))
            sending = asyncio.ensure_future(self._writer.drain())
            try:
                return await self._read()
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        except (OSError, EOFError, ValueError) as error:
            raise Lost(f"{BROKEN}: {error or type(error).__name__}") from error

    # --- private

    async def _read(self) -> Reply:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        headers: dict[str, str] = {}
        for line in filter(None, head[1:]):
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if headers.get("transfer-encoding") == "chunked":
            body = await self._read_chunks()
        else:
            body = await self._reader.readexactly(int(headers["content-length"]))
        return Reply(status, headers, body, is_last=headers.get("connection") == "close")

    async def _read_chunks(self) -> bytes:
        parts = []
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            parts.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        while await self._reader.readuntil(b"\r\n") != b"\r\n":
            pass
        return b"".join(parts)
