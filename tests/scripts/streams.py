"""Answers piece by piece, in the way that the body says: {"how": "<name>", ...}."""

import json
import time

from azureml_inference_server_http.api.aml_request import rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse


def init():
    pass


@rawhttp
def run(request):
    asked = json.loads(request.data)
    return globals()[asked.pop("how")](**asked)


def text(count=3):
    for number in range(count):
        yield f"piece {number}\n"


def lines(count=3):
    for number in range(count):
        yield {"number": number}


def octets(count=3):
    for number in range(count):
        yield bytes([number])


def nothing():
    return
    yield


def fails_at_once():
    raise ValueError("before the first piece")
    yield


def fails_later():
    yield "one"
    raise ValueError("after the first piece")


def response(status=200, content_type="text/event-stream"):
    return AMLResponse(text(), status, {"Content-Type": content_type})


def paced(count, pause_s, name=""):
    print("begins", name)
    try:
        for number in range(count):
            yield f"data: {number}\n\n"
            time.sleep(pause_s)
    finally:
        print("ended", name, "after", number)


def large(count, size):
    piece = b"x" * size
    for number in range(count):
        print("made", number)
        yield piece


async def asynchronous(count=3):
    for number in range(count):
        yield f"async {number}\n"


async def awaited():
    return {"awaited": True}
