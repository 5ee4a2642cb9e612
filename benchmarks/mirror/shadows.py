"""Instances that do with a request what a deployment may do: `python -m benchmarks.mirror.shadows KIND PORT`. Started
by __main__.py, each in a process of its own."""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
ERROR = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\n\r\n{}"
PIECE = 64 * 1024
SLOW_PIECE_S = 0.02
SLOW_ANSWER_S = 1.0
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


async def healthy(reader: Reader, writer: Writer) -> None:
    while await read_request(reader):
        writer.write(ANSWER)


async def slow(reader: Reader, writer: Writer) -> None:
    """Reads three megabytes a second, and answers a second after that."""
    while await read_request(reader, piece_s=SLOW_PIECE_S):
        await asyncio.sleep(SLOW_ANSWER_S)
        writer.write(ANSWER)


async def erroring(reader: Reader, writer: Writer) -> None:
    while await read_request(reader):
        writer.write(ERROR)


async def frozen(reader: Reader, writer: Writer) -> None:
    """Takes the connection and nothing else."""
    await asyncio.Event().wait()


async def cutting(reader: Reader, writer: Writer) -> None:
    """Ends every connection in the middle of its first request."""
    await reader.readuntil(b"\r\n\r\n")


KINDS: dict[str, Callable[[Reader, Writer], Awaitable[None]]] = {
    kind.__name__: kind for kind in (healthy, slow, erroring, frozen, cutting)
}


async def read_request(reader: Reader, *, piece_s: float = 0.0) -> bool:
    """Whether there was one more; whole."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        if length is None:
            while await reader.readuntil(b"\r\n") != b"0\r\n":
                pass
            await reader.readuntil(b"\r\n")
            return True
        left = int(length.group(1))
        while left:
            left -= len(await reader.readexactly(min(PIECE, left)))
            await asyncio.sleep(piece_s) if piece_s else None
    except (asyncio.IncompleteReadError, ConnectionError):
        return False
    return True


async def serve(kind: str, port: int) -> None:
    async def handle(reader: Reader, writer: Writer) -> None:
        try:
            await KINDS[kind](reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", port, limit=4 * 1024 * 1024)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
