"""One request to /score and its answer, on whichever thread that is made. Created by http.py, worked on by a scoring
thread or the script's loop."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import TYPE_CHECKING, Any

from .admission import Job, Refusal, RunInterrupted
from .answers import (
    Answer,
    answer_deadline_passed,
    answer_internal_error,
    answer_run_timed_out,
    build_gateway_answer,
)
from .failures import format_user_traceback
from .inputs import HeaderView, ScoreRequest
from .streams import ClientGone, StreamSink

if TYPE_CHECKING:
    from .http import ScoringApp
    from .invocation import Invocation

_NO_HEADERS: list[tuple[str, str]] = []

SLOWEST_CLIENT_S = 600.0
"""A client that takes no byte of a streamed answer for so long counts as gone."""

logger = logging.getLogger("azmlinfsrv")


class Exchange(Job):
    __slots__ = (
        "app",
        "arrived",
        "headers",
        "ids",
        "is_gateway",
        "is_logged",
        "loop",
        "method",
        "protocol",
        "request",
        "scope",
    )

    def __init__(self, app: "ScoringApp", protocol: Any, scope: Any, headers: HeaderView, arrived: float) -> None:
        super().__init__(None)
        self.app = app
        self.protocol = protocol
        self.scope = scope
        self.headers = headers
        self.arrived = arrived
        self.method: str = scope.method
        self.ids: list[tuple[str, str]] = _NO_HEADERS
        self.is_gateway = False
        self.is_logged = False
        self.request: ScoreRequest | None = None

    # what admission.py asks for

    def client_gone(self) -> Awaitable[None]:
        return self.protocol.client_disconnect()  # type: ignore[no-any-return]

    def refuse(self, why: Refusal) -> None:
        if why is Refusal.CLIENT_GONE:
            self.request = None
            self._note(499, 0)
            return
        if why is Refusal.DEADLINE_PASSED:
            self._send(answer_deadline_passed())
        else:
            logger.error(
                "ScoringTimeout: run() did not finish within its time (%d ms at most). Make it faster, or raise"
                " request_settings.request_timeout_ms of the deployment (SCORING_TIMEOUT_MS).",
                self.app.timeout_ms,
            )
            self._send(answer_run_timed_out(self.app.timeout_ms))

    # on the scoring thread

    def work(self, invocation: "Invocation") -> None:
        """run(), and its answer."""
        request = self.request
        if request is None:
            return
        try:
            answer = invocation.invoke(request)
        except RunInterrupted:
            raise
        except BaseException as error:  # noqa: BLE001 (the edge: whatever went wrong is this request's failure only)
            answer = _fail(error)
        if answer.chunks is None:
            self.send(answer, request)
        elif self.claim():
            self._stream(answer, answer.chunks, request)
        self.request = None

    async def work_async(self, invocation: "Invocation") -> None:
        """The same on the script's loop."""
        request = self.request
        if request is None:
            return
        try:
            answer = await invocation.invoke_async(request)
        except (RunInterrupted, asyncio.CancelledError):
            raise
        except BaseException as error:  # noqa: BLE001 (the edge: whatever went wrong is this request's failure only)
            answer = _fail(error)
        if answer.chunks is None:
            self.send(answer, request)
        elif self.claim():
            await self._stream_async(answer, answer.chunks, request)
        self.request = None

    # on any thread

    def send(self, answer: Answer, request: ScoreRequest | None = None) -> None:
        """The whole answer, unless there was one already."""
        if self.claim():
            self._send(answer, request)

    # --- private

    def _send(self, answer: Answer, request: ScoreRequest | None = None) -> None:
        sent = build_gateway_answer(answer) if self.is_gateway else answer
        try:
            self.protocol.response_bytes(sent.status, self._build_headers(sent), sent.body)
        except Exception as error:  # noqa: BLE001 (the edge: headers or a status of the script that HTTP does not have)
            sent = _fail(error)
            self.protocol.response_bytes(sent.status, self._build_headers(sent), sent.body)
        self._note(sent.status, len(sent.body))
        capture = self.app.capture
        if capture is not None and request is not None:
            capture.offer(self, request, answer, sent.status)

    def _build_headers(self, answer: Answer) -> list[tuple[str, str]]:
        if answer.content_type is not None:
            headers = [*answer.headers, *self.ids, ("content-type", answer.content_type)]
        else:
            ours = {name for name, _ in self.ids}
            headers = [header for header in answer.headers if header[0] not in ours] + self.ids
        if self.app.is_stopping and self.scope.http_version.startswith("1"):
            headers.append(("connection", "close"))
        return headers

    def _note(self, status: int, length: int | None) -> None:
        if self.is_logged:
            query = self.scope.query_string
            path = self.scope.path
            shown = f"{path}?{query}" if query else path
            self.app.access_log.add(self.method, shown, status, (time.monotonic() - self.arrived) * 1e3, length)

    def _open_stream(self, answer: Answer) -> tuple[StreamSink, int] | None:
        """None: it was answered with an error."""
        sent = build_gateway_answer(answer) if self.is_gateway else answer
        try:
            transport = self.protocol.response_stream(sent.status, self._build_headers(sent))
        except Exception as error:  # noqa: BLE001 (the edge: headers of the script that HTTP does not have)
            self._send(_fail(error))
            return None
        self.is_streaming = True
        return StreamSink(transport, self.finished.get_loop()), sent.status

    def _stream(self, answer: Answer, chunks: Any, request: ScoreRequest) -> None:
        opened = self._open_stream(answer)
        if opened is None:
            _close(chunks)
            return
        sink, status = opened
        pieces: Iterator[bytes] = chunks
        is_broken = False
        try:
            piece: bytes | None = answer.body
            while piece is not None:
                self.busy_since = None
                if piece:
                    sink.put(piece, SLOWEST_CLIENT_S)
                self.busy_since = time.monotonic()
                piece = next(pieces, None)
        except ClientGone:
            logger.info("The client left before the end of a streamed answer.")
        except RunInterrupted:
            is_broken = True
            logger.error("run() gave no further piece of its answer within its time; the answer ends here.")
        except BaseException as error:  # noqa: BLE001 (the edge: user code may raise anything)
            is_broken = True
            logger.error("Encountered Exception in the middle of an answer: %s", format_user_traceback(error))
        finally:
            self.busy_since = None
            _close(chunks)
            sink.finish(SLOWEST_CLIENT_S)
            if is_broken:
                self._cut(sink)
            self._note(status, None)
            if self.app.capture is not None:
                self.app.capture.offer(self, request, answer._replace(body=b""), status, sink.sent_bytes)

    async def _stream_async(self, answer: Answer, chunks: Any, request: ScoreRequest) -> None:
        opened = self._open_stream(answer)
        if opened is None:
            await _close_async(chunks)
            return
        sink, status = opened
        is_broken = False
        try:
            if answer.body:
                await sink.aput(answer.body)
            if isinstance(chunks, AsyncIterator):
                async for piece in chunks:
                    await self._put(sink, piece)
            else:
                for piece in chunks:
                    await self._put(sink, piece)
        except ClientGone:
            logger.info("The client left before the end of a streamed answer.")
        except (RunInterrupted, asyncio.CancelledError):
            is_broken = True
            logger.error("run() gave no further piece of its answer within its time; the answer ends here.")
        except BaseException as error:  # noqa: BLE001 (the edge: user code may raise anything)
            is_broken = True
            logger.error("Encountered Exception in the middle of an answer: %s", format_user_traceback(error))
        finally:
            self.busy_since = None
            await _close_async(chunks)
            if is_broken:
                self._cut(sink)
            self._note(status, None)
            if self.app.capture is not None:
                self.app.capture.offer(self, request, answer._replace(body=b""), status, sink.sent_bytes)

    def _cut(self, sink: StreamSink) -> None:
        # To Envoy too: what breaks off must not reach the client as if it were whole.
        if self.scope.http_version.startswith("1"):
            sink.cut(self.scope.client)

    async def _put(self, sink: StreamSink, piece: bytes) -> None:
        self.busy_since = None
        await sink.aput(piece)
        self.busy_since = time.monotonic()


def _fail(error: BaseException) -> Answer:
    logger.error("Encountered Exception: %s", format_user_traceback(error))
    return answer_internal_error()


def _close(pieces: Any) -> None:
    try:
        pieces.close()
    except BaseException as error:  # noqa: BLE001 (the edge: a generator of the user may raise while it ends)
        logger.error("Encountered Exception: %s", format_user_traceback(error))


async def _close_async(pieces: Any) -> None:
    if not isinstance(pieces, AsyncIterator):
        _close(pieces)
        return
    try:
        await pieces.aclose()  # type: ignore[attr-defined]
    except BaseException as error:  # noqa: BLE001 (the edge, as above)
        logger.error("Encountered Exception: %s", format_user_traceback(error))
