"""Sampled records of requests and answers, for data collection, shadow comparison and replay (docs/capture.md).

Filled by exchange.py on the scoring threads, written by a thread of its own. A record never slows its request down: the
queue is bounded in bytes, and what does not fit is dropped and counted. Which requests are sampled follows from their
`x-request-id`, so that a live deployment and its shadow record the same ones.
"""

import base64
import logging
import threading
import time
import zlib
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from .answers import Answer
from .capture_sinks import Sink
from .inputs import ScoreRequest

if TYPE_CHECKING:
    from .exchange import Exchange

FORMAT_VERSION = 1
WRITE_EVERY_S = 0.05
RECORD_OVERHEAD_BYTES = 1024

logger = logging.getLogger("azmlinfsrv")


class Capture:
    """`offer` on any scoring thread; `start` and `stop` around the server's life."""

    def __init__(
        self, sink: Sink, *, deployment: str, sample_rate: float, max_body_bytes: int, max_queue_bytes: int
    ) -> None:
        self._sink = sink
        self._deployment = deployment
        self._threshold = int(sample_rate * 2**32)
        self._max_body_bytes = max_body_bytes
        self._max_queue_bytes = max_queue_bytes
        self._queue: deque[_Seen] = deque()
        self._queued_bytes = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write_on, name="teal-scoring-capture", daemon=True)
        self.written = 0
        self.dropped = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self, within_s: float = 2.0) -> None:
        """Write what is queued, and end."""
        self._stopping.set()
        self._thread.join(within_s)

    def offer(self, exchange: "Exchange", request: ScoreRequest, answer: Answer, status: int, length: int = -1) -> None:
        """One request and its answer. `length` of a streamed answer, whose body is not kept."""
        request_id = next((value for name, value in exchange.ids if name == "x-request-id"), "")
        if zlib.crc32(request_id.encode()) >= self._threshold:
            return
        limit = self._max_body_bytes
        seen = _Seen(
            time.time(),
            time.monotonic(),
            exchange.arrived,
            exchange.submitted_at,
            request_id,
            exchange.method,
            request.query,
            request.header_view,
            request.body if len(request.body) <= limit else request.body[:limit],
            len(request.body),
            status,
            answer,
            answer.body if len(answer.body) <= limit else answer.body[:limit],
            length if length >= 0 else len(answer.body),
            length >= 0,
        )
        size = len(seen.request_body) + len(seen.answer_body) + RECORD_OVERHEAD_BYTES
        with self._lock:
            if self._queued_bytes + size > self._max_queue_bytes:
                self.dropped += 1
                return
            self._queued_bytes += size
        self._queue.append(seen)

    # --- private

    def _write_on(self) -> None:
        """Things that can happen next: the time to write, the stop."""
        while not self._stopping.wait(WRITE_EVERY_S):
            self._write()
        self._write()
        self._sink.close()

    def _write(self) -> None:
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(64, len(self._queue)))]
            with self._lock:
                self._queued_bytes -= sum(
                    len(seen.request_body) + len(seen.answer_body) + RECORD_OVERHEAD_BYTES for seen in batch
                )
            if self._sink.write(b"".join(self._format(seen) for seen in batch)):
                self.written += len(batch)
            else:
                with self._lock:
                    self.dropped += len(batch)

    def _format(self, seen: "_Seen") -> bytes:
        header = seen.header_view.get
        answer = seen.answer
        content_type = answer.content_type or next((v for n, v in answer.headers if n == "content-type"), "")
        run_ms = answer.exec_ms
        total_ms = (seen.answered - seen.arrived) * 1e3
        record = {
            "v": FORMAT_VERSION,
            "time": seen.time,
            "request_id": seen.request_id,
            "client_request_id": header("x-ms-client-request-id"),
            "deployment": self._deployment or header("x-teal-deployment"),
            "mirrored": header("x-mirrored") is not None,
            "request": {
                "method": seen.method,
                "query": seen.query,
                "content_type": header("content-type"),
                "length": seen.request_length,
                **_format_body(seen.request_body, seen.request_length),
            },
            "answer": {
                "status": seen.status,
                "model_status": answer.status,
                "content_type": content_type,
                "length": seen.answer_length,
                "streamed": seen.is_streamed,
                **_format_body(seen.answer_body, seen.answer_length),
            },
            "timings": {
                "receive_ms": round((seen.submitted - seen.arrived) * 1e3, 3),
                "run_ms": round(run_ms, 3),
                "total_ms": round(total_ms, 3),
            },
        }
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


# --- private


class _Seen(NamedTuple):
    """What a record is made of, on the writing thread."""

    time: float
    answered: float
    arrived: float
    submitted: float
    request_id: str
    method: str
    query: str
    header_view: Any
    request_body: bytes
    request_length: int
    status: int
    answer: Answer
    answer_body: bytes
    answer_length: int
    is_streamed: bool


def _format_body(body: bytes, whole_length: int) -> dict[str, Any]:
    is_truncated = len(body) < whole_length
    try:
        return {"body": body.decode(), "encoding": "utf-8", "truncated": is_truncated}
    except UnicodeDecodeError as error:
        if is_truncated and error.start > len(body) - 4:  # cut in the middle of a character
            return {"body": body[: error.start].decode(), "encoding": "utf-8", "truncated": True}
        return {"body": base64.b64encode(body).decode(), "encoding": "base64", "truncated": is_truncated}
