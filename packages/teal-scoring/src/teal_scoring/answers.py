"""What goes back to the client, as values: results, the reference server's errors, and their form behind the gateway.

Used by invocation.py (what run() led to) and http.py (what happened around it). Statuses and texts are those of
azureml-inference-server-http; the 424 form is Azure's endpoint contract ("HTTP status codes", managed endpoints).
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import orjson

JSON = "application/json"
HTML = "text/html; charset=utf-8"

_RUN_FAILED = ("x-ms-run-function-failed", "True")
_RUN_FINE = ("x-ms-run-function-failed", "False")

Headers = tuple[tuple[str, str], ...]
Chunks = Iterator[bytes] | AsyncIterator[bytes]


class Fault(NamedTuple):
    """Why an answer is not a success: `code` for programs, `reason` in a few words for a header."""

    code: str
    reason: str
    message: str


class Answer(NamedTuple):
    """One answer. A named tuple, because one is made for every request.

    `content_type` None: it is among the headers, or there is none. `keeps_status`: the refusal is this server's own,
    not the model's, and passes the gateway as it is. `chunks`: the body comes piece by piece, after `body`.
    """

    status: int
    body: bytes
    content_type: str | None = JSON
    headers: Headers = ()
    fault: Fault | None = None
    keeps_status: bool = False
    chunks: Chunks | None = None
    exec_ms: float = 0.0


HEALTHY = Answer(200, b"Healthy", HTML)
PREFLIGHT = Answer(200, b"", HTML, headers=(_RUN_FINE,))


def answer_result(body: bytes, exec_ms: float) -> Answer:
    headers = (_RUN_FINE, ("x-ms-run-fn-exec-ms", f"{exec_ms:.3f}"))
    return Answer(200, body, JSON, headers, exec_ms=exec_ms)


def answer_stream(first: bytes, rest: Chunks, content_type: str, exec_ms: float) -> Answer:
    headers = (_RUN_FINE, ("x-ms-run-fn-exec-ms", f"{exec_ms:.3f}"))
    return Answer(200, first, content_type, headers, chunks=rest, exec_ms=exec_ms)


def answer_document(document: object) -> Answer:
    """JSON that this server itself has something to say by, such as the interface description."""
    return Answer(200, orjson.dumps(document), headers=(_RUN_FINE,))


def answer_text(text: str, content_type: str) -> Answer:
    return Answer(200, text.encode(), content_type)


def answer_bad_input(message: str) -> Answer:
    return _failed(400, Fault("BadInput", "bad-input", message))


def answer_unsupported_input(message: str) -> Answer:
    return _failed(415, Fault("UnsupportedInput", "unsupported-input", message))


def answer_run_raised(error: BaseException | None = None) -> Answer:
    message = "An unexpected error occurred in scoring script. Check the logs for more info."
    if isinstance(error, MemoryError):
        return _failed(500, Fault("OutOfMemory", "out-of-memory", message), _RUN_FAILED)
    return _failed(500, Fault("UserScriptException", "run-raised", message), _RUN_FAILED)


def answer_run_timed_out(timeout_ms: int) -> Answer:
    fault = Fault("ScoringTimeout", "scoring-timeout", f"Scoring timeout after {timeout_ms} ms")
    return _failed(500, fault, _RUN_FAILED)


def answer_result_not_serialisable() -> Answer:
    return answer_internal_error("ResultNotSerializable", "result-not-serializable")


def answer_internal_error(code: str = "InternalError", reason: str = "internal-error") -> Answer:
    message = "An unexpected internal error occurred. Check the logs for more info."
    return _failed(500, Fault(code, reason, message))


def answer_not_found(message: str = "") -> Answer:
    message = message or (
        "The requested URL was not found on the server. If you entered the URL manually please check your spelling and"
        " try again."
    )
    return _failed(404, Fault("NotFound", "not-found", message))


def answer_method_not_allowed(allowed: str) -> Answer:
    """Of the router, before any route is entered."""
    fault = Fault("MethodNotAllowed", "method-not-allowed", "The method is not allowed for the requested URL.")
    return _failed(405, fault, _RUN_FINE, ("allow", allowed))


def answer_method_not_taken() -> Answer:
    """Of the scoring route, for a method that it has and this run() does not take: HEAD."""
    return _failed(405, Fault("MethodNotAllowed", "method-not-allowed", "Method not allowed"))


def answer_allowed(allowed: str) -> Answer:
    return Answer(200, b"", HTML, headers=(("allow", allowed),))


def answer_request_id_too_long(names: str, limit: int) -> Answer:
    return _failed(431, Fault("HeaderTooLong", "header-too-long", f"{names} must not exceed {limit} characters"))


def answer_queue_full(max_concurrent: int, max_queued: int) -> Answer:
    message = (
        f"{max_concurrent} requests are running here and {max_queued} wait. Send fewer at once, add instances, or raise"
        f" request_settings.max_concurrent_requests_per_instance (now {max_concurrent}) of the deployment."
    )
    return _refused(429, Fault("TooManyRequests", "too-many-requests", message))


def answer_body_too_large(max_bytes: int) -> Answer:
    message = f"The body is larger than {max_bytes} bytes (TEAL_MAX_BODY_BYTES)."
    return _refused(413, Fault("BodyTooLarge", "body-too-large", message))


def answer_deadline_passed() -> Answer:
    message = "The request's time was over before run() could start: the instance is busy with earlier requests."
    return _refused(408, Fault("RequestTimeout", "request-timeout", message))


def build_gateway_answer(answer: Answer) -> Answer:
    """The same answer for the gateway to pass on: a model's failure is 424, its own status in a header; a run() over
    its time is 408.

    Clients silently repeat a POST answered 500, 503 or 504, and they show only `error.message` of the body.
    """
    if 200 <= answer.status < 300 or answer.keeps_status:
        return answer
    fault = answer.fault or Fault("ModelError", "model-error", f"The model answered {answer.status}")
    return answer._replace(
        status=408 if fault.code == "ScoringTimeout" else 424,
        body=answer.body if answer.chunks else _add_error(answer.body, fault),
        headers=(
            *answer.headers,
            ("ms-azureml-model-error-statuscode", str(answer.status)),
            ("ms-azureml-model-error-reason", fault.reason),
        ),
    )


# --- private


def _failed(status: int, fault: Fault, *headers: tuple[str, str]) -> Answer:
    return Answer(status, orjson.dumps({"message": fault.message}), headers=headers or (_RUN_FINE,), fault=fault)


def _refused(status: int, fault: Fault) -> Answer:
    body = orjson.dumps({"error": {"code": fault.code, "message": fault.message}})
    return Answer(status, body, headers=(_RUN_FINE,), fault=fault, keeps_status=True)


def _add_error(body: bytes, fault: Fault) -> bytes:
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    if not isinstance(document, dict) or "error" in document:
        return body
    return orjson.dumps({**document, "error": {"code": fault.code, "message": fault.message}})
