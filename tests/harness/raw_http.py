"""Bytes to a port exactly as given, and what came back: for requests that no client library would send."""

import asyncio
from contextlib import suppress


async def exchange(port: int, *parts: bytes, within_s: float = 10.0) -> bytes:
    """Send the parts, then read until the other side closes the connection, or has been silent for half a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    try:
        async with asyncio.timeout(within_s):
            with suppress(ConnectionError):
                for part in parts:
                    writer.write(part)
                    await writer.drain()
            with suppress(TimeoutError, ConnectionError):
                while data := await asyncio.wait_for(reader.read(65536), 0.5):
                    answer += data
    finally:
        writer.transport.abort()
    return answer


async def read_until_closed(port: int, *parts: bytes, within_s: float = 15.0) -> bytes:
    """Send the parts and nothing more, however long the other side takes to lose its patience."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(within_s):
            for part in parts:
                writer.write(part)
                await writer.drain()
            with suppress(ConnectionError):
                return await reader.read(-1)
            return b""
    finally:
        writer.transport.abort()
