"""One call of the user's run(), from request to answer. Runs on a scoring thread (concurrency.py); never raises but
for RunInterrupted."""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import orjson

from .answers import Answer, answer_bad_input, answer_internal_error, answer_result, answer_run_raised
from .concurrency import RunInterrupted
from .failures import format_user_traceback
from .inputs import BadInput, ScoreRequest
from .user_script import UserScript

logger = logging.getLogger("azmlinfsrv")

_LIKE_JSON_DUMPS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def invoke_with(script: UserScript) -> Callable[[ScoreRequest], Answer]:
    def invoke(request: ScoreRequest) -> Answer:
        return invoke_run(script, request)

    return invoke


def invoke_run(script: UserScript, request: ScoreRequest) -> Answer:
    """run() with the request's input. What it raises, sys.exit() included, is this request's failure only."""
    try:
        arguments = script.style.build_arguments(request)
    except BadInput as error:
        return answer_bad_input(str(error))
    if script.wants_headers:
        arguments["request_headers"] = request.headers
    started = time.perf_counter()
    try:
        result = script.run(**arguments)
    except RunInterrupted:
        raise
    except BaseException as error:  # noqa: BLE001 (the edge: user code may raise anything)
        logger.error("Encountered Exception: %s", format_user_traceback(error))
        return answer_run_raised()
    exec_ms = (time.perf_counter() - started) * 1e3
    try:
        body = encode_result(result)
    except RunInterrupted:
        raise
    except Exception as error:  # noqa: BLE001 (the edge: objects of the user may raise anything while encoded)
        what = type(result).__name__
        logger.error("The result of run(), of type %s, is not JSON serializable: %s", what, error)
        return answer_internal_error()
    return answer_result(body, exec_ms)


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
