"""A streamed answer: pieces at a steady pace, each with the time at which it was written."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

PIECES, PAUSE_S = 20, 0.1


def init() -> None:
    pass


async def run(raw_data: str) -> AsyncIterator[str]:
    for _ in range(PIECES):
        yield json.dumps({"at": time.time()}) + "\n"
        await asyncio.sleep(PAUSE_S)
