"""Sampled records of requests and answers, for data collection, shadow comparison and replay (docs/capture.md).

Filled by exchange.py on the scoring threads, written by a thread of its own. A record is made after its request was
answered; the queue is bounded in bytes, and what does not fit is dropped and counted. Which are sampled follows
from their `x-request-id`, so that a live deployment and its shadow record the same ones.
"""

import base64
import logging
import threading
import time
import zlib
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

import orjson

from .answers import Answer
from .capture_sinks import Sink
from .inputs import ScoreRequest

if TYPE_CHECKING:
    from .exchange import Exchange

FORMAT_VERSION = 1
WRITE_EVERY_S = 0.1
RECORDS_A_WRITE = 2048

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
        self._queue: deque[bytes] = deque()
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
        """One request and its answer, which is on its way already. `length` of a streamed answer, whose body is not
        kept. The line is made here, in some microseconds: to hold on to the request until another thread has the time
        costs more."""
        request_id = _find(exchange.ids, "x-request-id")
        if self._threshold < _EVERY and zlib.crc32(request_id.encode()) >= self._threshold:
            return
        if self._queued_bytes >= self._max_queue_bytes:
            with self._lock:
                self.dropped += 1
            return
        line = self._format(exchange, request, answer, status, length, request_id)
        with self._lock:
            self._queued_bytes += len(line)
        self._queue.append(line)

    # --- private

    def _write_on(self) -> None:
        """Things that can happen next: the time to write, the stop."""
        while not self._stopping.wait(WRITE_EVERY_S):
            self._write()
        self._write()
        self._sink.close()

    def _write(self) -> None:
        queue = self._queue
        while queue:
            lines = [queue.popleft() for _ in range(min(RECORDS_A_WRITE, len(queue)))]
            batch = b"".join(lines)
            is_taken = self._sink.write(batch)
            with self._lock:
                self._queued_bytes -= len(batch)
                if is_taken:
                    self.written += len(lines)
                else:
                    self.dropped += len(lines)

    def _format(
        self, exchange: "Exchange", request: ScoreRequest, answer: Answer, status: int, length: int, request_id: str
    ) -> bytes:
        header, limit = request.header_view.get, self._max_body_bytes
        asked_body, asked_encoding = _format_body(request.body, limit)
        answered_body, answered_encoding = _format_body(answer.body, limit)
        is_streamed = length >= 0
        if not is_streamed:
            length = len(answer.body)
        total_s = time.monotonic() - exchange.arrived
        record = {
            "v": FORMAT_VERSION,
            "time": time.time() - total_s,
            "request_id": request_id,
            "client_request_id": _find(exchange.ids, "x-ms-client-request-id") or None,
            "deployment": self._deployment or header("x-teal-deployment"),
            "mirrored": header("x-mirrored") is not None,
            "request": {
                "method": request.method,
                "query": request.query,
                "content_type": header("content-type"),
                "length": len(request.body),
                "body": asked_body,
                "encoding": asked_encoding,
                "truncated": len(request.body) > limit,
            },
            "answer": {
                "status": status,
                "model_status": answer.status,
                "content_type": answer.content_type or _find(answer.headers, "content-type"),
                "length": length,
                "streamed": is_streamed,
                "body": answered_body,
                "encoding": answered_encoding,
                "truncated": len(answer.body) > limit or (is_streamed and length > 0),
            },
            "timings": {
                "receive_ms": (exchange.submitted_at - exchange.arrived) * 1e3,
                "run_ms": answer.exec_ms,
                "total_ms": total_s * 1e3,
            },
        }
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


# --- private

_EVERY = 2**32


def _find(headers: Iterable[tuple[str, str]], wanted: str) -> str:
    for name, value in headers:
        if name == wanted:
            return value
    return ""


def _format_body(body: bytes, limit: int) -> tuple[str, str]:
    """As text where it is text; with the name of the encoding."""
    kept = body if len(body) <= limit else body[:limit]
    try:
        return kept.decode(), "utf-8"
    except UnicodeDecodeError as error:
        if len(body) > limit and error.start > len(kept) - 4:  # cut in the middle of a character
            return kept[: error.start].decode(), "utf-8"
        return base64.b64encode(kept).decode(), "base64"
