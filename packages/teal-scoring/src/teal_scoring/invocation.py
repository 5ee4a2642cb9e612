"""One call of the user's run(), from request to answer. Runs on a scoring thread (scoring_threads.py) or on
the script's own loop (scoring_loop.py); never raises but for RunInterrupted and cancellation."""

import asyncio
import json
import logging
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from types import CoroutineType, GeneratorType
from typing import Any

import orjson

from .admission import RunInterrupted
from .answers import (
    Answer,
    answer_bad_input,
    answer_internal_error,
    answer_result,
    answer_result_not_serialisable,
    answer_run_raised,
    answer_stream,
    answer_unsupported_input,
)
from .failures import describe_error, format_user_traceback
from .inputs import BadInput, ScoreRequest, UnsupportedInput
from .streams import choose_content_type, encode_piece, encode_pieces, encode_pieces_async, iterate_here
from .user_script import UserScript

Around = Callable[[ScoreRequest], AbstractContextManager[ScoreRequest]]
"""What must be set up around run(): flask_context.py."""

logger = logging.getLogger("azmlinfsrv")

_LIKE_JSON_DUMPS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_END = object()


class Invocation:
    """How to call one script. What run() raises, sys.exit() included, is that request's failure only."""

    def __init__(self, script: UserScript, around: Around | None = None) -> None:
        self._run = script.run
        self._build_arguments = script.style.build_arguments
        self._wants_headers = script.wants_headers
        self._around = around

    def invoke(self, request: ScoreRequest) -> Answer:
        """run() to its end; of a generator, to its first piece."""
        if self._around is not None:
            with self._around(request) as inner:
                return self._invoke(inner)
        return self._invoke(request)

    async def invoke_async(self, request: ScoreRequest) -> Answer:
        """The same for a run() that must be awaited."""
        arguments = self._arguments(request)
        if isinstance(arguments, Answer):
            return arguments
        started = time.perf_counter()
        try:
            result = self._run(**arguments)
            if not isinstance(result, AsyncGenerator):
                result = await result  # type: ignore[misc]
            first, rest = await _begin_async(result)
        except (RunInterrupted, asyncio.CancelledError):
            raise
        except BaseException as error:  # noqa: BLE001 (the edge: user code may raise anything)
            return _fail(error)
        return self._finish(request, result, first, rest, (time.perf_counter() - started) * 1e3)

    # --- private

    def _invoke(self, request: ScoreRequest) -> Answer:
        arguments = self._arguments(request)
        if isinstance(arguments, Answer):
            return arguments
        started = time.perf_counter()
        try:
            result = self._run(**arguments)
            kind = type(result)
            if kind is dict or kind is list or kind is str:
                first: Any = _END
                rest: Any = None
            else:
                if isinstance(result, CoroutineType):
                    result = asyncio.run(result)
                first, rest = _begin(result)
        except RunInterrupted:
            raise
        except BaseException as error:  # noqa: BLE001 (the edge: user code may raise anything)
            return _fail(error)
        return self._finish(request, result, first, rest, (time.perf_counter() - started) * 1e3)

    def _arguments(self, request: ScoreRequest) -> "dict[str, Any] | Answer":
        try:
            arguments = self._build_arguments(request)
        except UnsupportedInput as error:
            return answer_unsupported_input(str(error))
        except BadInput as error:
            return answer_bad_input(str(error))
        except Exception as error:  # noqa: BLE001 (the edge: JSON that is not text, nested too deep, with endless numbers)
            logger.error("Encountered Exception: %s", format_user_traceback(error))
            return answer_internal_error()
        if self._wants_headers:
            arguments["request_headers"] = request.headers
        return arguments

    def _finish(self, request: ScoreRequest, result: Any, first: Any, rest: Any, exec_ms: float) -> Answer:
        try:
            if rest is None:
                return answer_result(encode_result(result), exec_ms)
            if not is_response(result):
                content_type = choose_content_type(first, request.header_view.get("accept") or "")
                return answer_stream(b"" if first is _END else encode_piece(first), rest, content_type, exec_ms)
            from .raw_http import build_answer

            answer = build_answer(result, exec_ms, request)
            return answer if first is _END else answer._replace(body=encode_piece(first), chunks=rest)
        except RunInterrupted:
            raise
        except Exception as error:  # noqa: BLE001 (the edge: objects of the user may raise anything while encoded)
            what = type(result).__name__
            logger.error(
                "ResultNotSerializable: No answer can be made of the result of run(), of type %s: %s. Return plain"
                " Python values, such as array.tolist(), or an AMLResponse.",
                what,
                describe_error(error),
            )
            return answer_result_not_serialisable()


def is_response(result: object) -> bool:
    """Whether it is a response object of werkzeug's, which AMLResponse and Flask's are."""
    wrappers = sys.modules.get("werkzeug.wrappers")
    return wrappers is not None and isinstance(result, wrappers.Response)


def encode_result(result: Any) -> bytes:
    """JSON of whatever `json.dumps` accepts, by orjson where both mean the same.

    orjson refuses what only `json` can do (integers over 64 bits, keys that are not strings, subclasses of tuple and
    float, lone surrogates), and then `json` is asked. The one thing it changes silently is NaN, which becomes null.
    """
    if result is None:
        return b"{}"
    try:
        encoded = orjson.dumps(result, option=_LIKE_JSON_DUMPS)
    except TypeError:
        return json.dumps(result).encode()
    return json.dumps(result).encode() if b"null" in encoded else encoded


# --- private


def _begin(result: Any) -> tuple[Any, Any]:
    """The first piece and the rest of an answer that comes in pieces, else (_END, None). A generator that fails before
    its first piece can still be answered with an error."""
    pieces = _pieces(result)
    if pieces is None:
        return _END, b"" if is_response(result) else None
    if isinstance(pieces, AsyncIterator):
        pieces = iterate_here(pieces)
    first = next(pieces, _END)
    return first, encode_pieces(pieces)


async def _begin_async(result: Any) -> tuple[Any, Any]:
    pieces = _pieces(result)
    if pieces is None:
        return _END, b"" if is_response(result) else None
    if isinstance(pieces, AsyncIterator):
        return await anext(pieces, _END), encode_pieces_async(pieces)
    return next(pieces, _END), encode_pieces(pieces)


def _pieces(result: Any) -> "Iterator[Any] | AsyncIterator[Any] | None":
    if isinstance(result, (GeneratorType, AsyncGenerator)):
        return result
    if is_response(result) and not result.is_sequence:
        if hasattr(result.response, "__aiter__"):
            return aiter(result.response)  # type: ignore[no-any-return]
        from .raw_http import iterate_response

        return iterate_response(result)
    return None


def _fail(error: BaseException) -> Answer:
    answer = answer_run_raised(error)
    code = answer.fault.code if answer.fault else ""
    hint = " Choose a larger instance_type, or fewer workers." if isinstance(error, MemoryError) else ""
    logger.error(
        "Encountered Exception: %s%s: run() raised %s.%s",
        format_user_traceback(error),
        code,
        describe_error(error),
        hint,
    )
    return answer
