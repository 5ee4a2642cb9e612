"""Does what the request says: {"do": "<name>", ...}."""

import json
import logging
import sys
import threading
import time

INIT_THREAD = None


def init():
    global INIT_THREAD
    INIT_THREAD = threading.get_ident()
    print("init says", "hello")
    logging.info("init logs this")


def run(data, request_headers):
    request = json.loads(data)
    return globals()[f"do_{request['do']}"](request, request_headers)


def do_echo(request, headers):
    return request


def do_headers(request, headers):
    return headers


def do_none(request, headers):
    return None


def do_nan(request, headers):
    return {"value": float("nan")}


def do_unserialisable(request, headers):
    return {1, 2}


def do_raise(request, headers):
    raise ValueError("the secret reason")


def do_exit(request, headers):
    sys.exit(7)


def do_print(request, headers):
    print("run", "says", request["what"])
    logging.getLogger(__name__).info("run logs %s", request["what"])
    return "ok"


def do_thread(request, headers):
    return {"same_as_init": threading.get_ident() == INIT_THREAD}


def do_sleep(request, headers):
    print("asleep", request.get("name", ""))
    time.sleep(request["s"])
    return request


def do_hang(request, headers):
    """A loop nothing interrupts: neither an exception nor the interpreter's end."""
    print("hanging")
    until = time.monotonic() + request["s"]
    while time.monotonic() < until:
        try:
            time.sleep(0.05)
        except BaseException:  # noqa: BLE001 (wrong on purpose)
            continue
    return "awake"


def do_length(request, headers):
    return len(request["text"])
