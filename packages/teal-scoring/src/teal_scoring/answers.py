"""What goes back to the client, as values: results, the reference server's errors, and their form behind the gateway.

Used by invocation.py (what run() led to) and http.py (what happened around it). Statuses and texts are those of
azureml-inference-server-http; the 424 form is Azure's endpoint contract ("HTTP status codes", managed endpoints).
"""

from dataclasses import dataclass, replace

import orjson

JSON = "application/json"
HTML = "text/html; charset=utf-8"

_RUN_FAILED = ("x-ms-run-function-failed", "True")
_RUN_FINE = ("x-ms-run-function-failed", "False")

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Fault:
    """Why an answer is not a success: `code` for programs, `reason` in a few words for a header."""

    code: str
    reason: str
    message: str


@dataclass(frozen=True)
class Answer:
    """`keeps_status`: the refusal is this server's own, not the model's, and passes the gateway as it is."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Headers = ()
    fault: Fault | None = None
    keeps_status: bool = False


HEALTHY = Answer(200, b"Healthy", HTML)
PREFLIGHT = Answer(200, b"", HTML, headers=(_RUN_FINE,))


def answer_result(body: bytes, exec_ms: float) -> Answer:
    return Answer(200, body, headers=(_RUN_FINE, ("x-ms-run-fn-exec-ms", f"{exec_ms:.3f}")))


def answer_bad_input(message: str) -> Answer:
    return _failed(400, Fault("BadInput", "bad-input", message))


def answer_run_raised() -> Answer:
    message = "An unexpected error occurred in scoring script. Check the logs for more info."
    return _failed(500, Fault("UserScriptException", "run-raised", message), _RUN_FAILED)


def answer_run_timed_out(timeout_ms: int) -> Answer:
    fault = Fault("ScoringTimeout", "scoring-timeout", f"Scoring timeout after {timeout_ms} ms")
    return _failed(500, fault, _RUN_FAILED)


def answer_internal_error() -> Answer:
    message = "An unexpected internal error occurred. Check the logs for more info."
    return _failed(500, Fault("InternalError", "internal-error", message))


def answer_not_found() -> Answer:
    message = (
        "The requested URL was not found on the server. If you entered the URL manually please check your spelling and"
        " try again."
    )
    return _failed(404, Fault("NotFound", "not-found", message))


def answer_method_not_allowed(allowed: str) -> Answer:
    fault = Fault("MethodNotAllowed", "method-not-allowed", "The method is not allowed for the requested URL.")
    return _failed(405, fault, _RUN_FINE, ("allow", allowed))


def answer_request_id_too_long(names: str, limit: int) -> Answer:
    return _failed(431, Fault("HeaderTooLong", "header-too-long", f"{names} must not exceed {limit} characters"))


def answer_queue_full(max_concurrent: int) -> Answer:
    message = (
        f"{max_concurrent} requests are running here and as many wait. Send fewer at once, add instances, or raise"
        f" request_settings.max_concurrent_requests_per_instance (now {max_concurrent}) of the deployment."
    )
    return _refused(429, Fault("TooManyRequests", "too-many-requests", message))


def answer_deadline_passed() -> Answer:
    message = "The request's time was over before run() could start: the instance is busy with earlier requests."
    return _refused(408, Fault("RequestTimeout", "request-timeout", message))


def build_gateway_answer(answer: Answer) -> Answer:
    """The same answer for the gateway to pass on: a model's failure is 424, its own status in a header.

    Clients silently repeat a POST answered 500, 503 or 504, and they show only `error.message` of the body.
    """
    if answer.status < 400 or answer.keeps_status:
        return answer
    fault = answer.fault or Fault("ModelError", "model-error", f"The model answered {answer.status}")
    return replace(
        answer,
        status=424,
        body=_add_error(answer.body, fault),
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
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    if not isinstance(document, dict) or "error" in document:
        return body
    return orjson.dumps({**document, "error": {"code": fault.code, "message": fault.message}})
