"""Many streamed answers at once: how long after it was written a piece arrives, the first one and those behind it. Run
by `benchmarks.peers` in a process of its own, against stream/score.py, whose pieces say when they were written."""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass

from benchmarks.load import Load, build_request

STREAMS = 200
GIVE_UP_AFTER_S = 60.0


@dataclass(frozen=True, slots=True)
class StreamResult:
    """Milliseconds. `first`: from the request to the first piece; `between`: from writing to receiving the others."""

    whole: int
    broken: int
    first_p50_ms: float
    first_p99_ms: float
    between_p50_ms: float
    between_p99_ms: float


async def run_streams(load: Load, streams: int = STREAMS) -> StreamResult:
    first: list[float] = []
    between: list[float] = []
    request = build_request(load)
    async with asyncio.timeout(GIVE_UP_AFTER_S):
        ended = await asyncio.gather(
            *(read_stream(load.port, request, number, first, between) for number in range(streams)),
            return_exceptions=True,
        )
    broken = sum(isinstance(one, BaseException) for one in ended)
    return StreamResult(
        whole=streams - broken,
        broken=broken,
        first_p50_ms=percentile(first, 50),
        first_p99_ms=percentile(first, 99),
        between_p50_ms=percentile(between, 50),
        between_p99_ms=percentile(between, 99),
    )


# --- private


async def read_stream(port: int, request: bytes, number: int, first: list[float], between: list[float]) -> None:
    """Begins a little after the one before, so that not all pieces are written at the same moment."""
    await asyncio.sleep(number * 0.003)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        began = time.time()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise ConnectionError(head.decode("latin-1"))
        is_first = True
        while size := int(await reader.readuntil(b"\r\n"), 16):
            piece = await reader.readexactly(size)
            await reader.readexactly(2)
            now = time.time()
            if is_first:
                first.append(1000 * (now - began))
                is_first = False
                continue
            for line in filter(None, piece.split(b"\n")):
                between.append(1000 * (now - json.loads(line)["at"]))
    finally:
        writer.close()


def percentile(values: list[float], percent: int) -> float:
    ordered = sorted(values) or [float("nan")]
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(run_streams(Load(**json.load(sys.stdin)))))))
