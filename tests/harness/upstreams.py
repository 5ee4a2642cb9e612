"""Answering servers: what gateway tests put in the place of instances. They speak HTTP/1.1 and do as the path says.

/score answers at once · /hold answers when released · /silent never answers · /die ends the connection · /garbage is
not HTTP · /status?code=N answers with that status · /large?bytes=N sends N bytes · /stream?chunks=N&every_ms=M sends N
chunks, M milliseconds apart (the first one after first_ms, if given). Anything else answers like /score.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from teal.gateway.model import Host


@dataclass(slots=True)
class Received:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body_bytes: int = 0


@dataclass(slots=True)
class Upstream:
    """One instance: where it listens and what it has received."""

    name: str
    port: int = 0
    received: list[Received] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    dying: bool = False  # ends the connection after every request
    frozen: bool = False  # takes connections and headers, never reads a body or answers

    def host(self, *, draining: bool = False) -> Host:
        return Host(instance_id=f"{self.name}-1", address="127.0.0.1", port=self.port, draining=draining)

    @property
    def copies(self) -> list[Received]:
        return [request for request in self.received if "x-mirrored" in request.headers]


@asynccontextmanager
async def running_upstream(name: str) -> AsyncIterator[Upstream]:
    """An instance for a `with` block; at its end every connection is cut."""
    upstream = Upstream(name)
    connections: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while await _answer_one(upstream, reader, writer):
                pass
        connections.discard(writer)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**20)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
        for writer in list(connections):
            writer.transport.abort()
        await server.wait_closed()


# --- private


async def _answer_one(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
    request = Received(method, target, headers)
    upstream.received.append(request)
    if upstream.frozen:
        await asyncio.Event().wait()
    request.body_bytes = await _read_body(reader, headers)
    url = urlsplit(target)
    match "/die" if upstream.dying else url.path:
        case "/die":
            return False
        case "/garbage":
            writer.write(b"this is not HTTP\r\n\r\n")
            await writer.drain()
            return False
        case "/silent":
            await asyncio.Event().wait()
        case "/hold":
            await upstream.released.wait()
        case "/stream":
            await _stream(writer, _parse_numbers(url.query))
            return True
        case "/break_off":
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegun\r\n")
            await writer.drain()
            return False
        case "/status":
            code = _parse_numbers(url.query)["code"]
            writer.write(f"HTTP/1.1 {code} Model Says\r\ncontent-length: 12\r\n\r\nmodel's body".encode())
            await writer.drain()
            return True
        case "/large":
            await _send_large(writer, _parse_numbers(url.query)["bytes"])
            return True
    body = json.dumps({"name": upstream.name, "path": target, "headers": headers, "body_bytes": request.body_bytes})
    writer.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nazureml-model-deployment: forged\r\n"
        + f"content-length: {len(body)}\r\n\r\n{body}".encode()
    )
    await writer.drain()
    return True


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> int:
    if "chunked" in headers.get("transfer-encoding", ""):
        total = 0
        while size := int((await reader.readuntil(b"\n")), 16):
            await reader.readexactly(size + 2)
            total += size
        await reader.readline()
        return total
    left = total = int(headers.get("content-length", 0))
    while left:
        data = await reader.read(min(left, 2**20))
        if not data:
            raise ConnectionError("the request ended early")
        left -= len(data)
    return total


async def _stream(writer: asyncio.StreamWriter, query: dict[str, int]) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n")
    for number in range(query["chunks"]):
        await asyncio.sleep((query.get("first_ms", query["every_ms"]) if number == 0 else query["every_ms"]) / 1000)
        data = f"chunk {number}\n"
        writer.write(f"{len(data):x}\r\n{data}\r\n".encode())
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def _send_large(writer: asyncio.StreamWriter, size: int) -> None:
    writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n".encode())
    for start in range(0, size, 2**20):
        writer.write(bytes(min(2**20, size - start)))
        await writer.drain()


def _parse_numbers(query: str) -> dict[str, int]:
    return {name: int(values[0]) for name, values in parse_qs(query).items()}
