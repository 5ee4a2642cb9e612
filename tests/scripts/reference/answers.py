"""Answers with AMLResponse, in every way its arguments allow."""

import json

from azureml.contrib.services.aml_request import rawhttp
from azureml.contrib.services.aml_response import AMLResponse


def init():
    pass


def pieces():
    yield "one "
    yield b"two "
    yield "three"


@rawhttp
def run(request):
    if request.method == "OPTIONS":
        return AMLResponse("options", 200)
    what = request.args["what"]
    if what == "overwritten":
        answer = AMLResponse("", 200)
        answer.headers["x-request-id"] = "mine"
        return answer
    return {
        "none": lambda: AMLResponse(None, 333),
        "text": lambda: AMLResponse("test", 444),
        "json": lambda: AMLResponse("test", 555, json_str=True),
        "object": lambda: AMLResponse({"a": [1]}, 201, json_str=True),
        "bytes": lambda: AMLResponse(b"\x00\xff", 200, {"Content-Type": "image/png"}),
        "headers": lambda: AMLResponse(
            None,
            555,
            {"a": "A", "b": "A, B, C", "content-type": "A", "x-ms-run-function-failed": "Z"},
            run_function_failed=True,
        ),
        "failed": lambda: AMLResponse(None, 555),
        "failed200": lambda: AMLResponse("x", 200, run_function_failed=True),
        "bad": lambda: AMLResponse(json.dumps({"error": "no"}), 400, {"Content-Type": "application/json"}),
        "status_text": lambda: AMLResponse("teapot", "418 I'm a teapot"),
        "stream": lambda: AMLResponse(pieces(), 200),
        "events": lambda: AMLResponse(pieces(), 200, {"Content-Type": "text/event-stream"}),
        "location": lambda: AMLResponse("", 302, {"Location": "/elsewhere"}),
        "plain": lambda: {"plain": "result"},
        "raise": lambda: 1 / 0,
        "empty": lambda: AMLResponse("", 204),
    }[what]()
