"""Answers who it is and what it was asked; notes every request that it acts on, and whether it is a copy (notes.py)."""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from typing import Any

CODE = 1

MODEL = ""
NOTES = -1


def init() -> None:
    global MODEL, NOTES
    if os.environ.get("FAIL"):
        raise RuntimeError("told to fail")
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "number.txt")) as stream:
        MODEL = stream.read().strip()
    path = f"{os.environ['NOTES']}/{os.environ['TEAL_DEPLOYMENT']}-{os.getpid()}-{time.time_ns()}.txt"
    NOTES = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)


def run(raw_data: str, request_headers: dict[str, str]) -> Any:
    asked = json.loads(raw_data[: raw_data.index("\n")])
    headers = {name.lower(): value for name, value in request_headers.items()}
    copy = headers.get("x-mirrored", "0")
    os.write(NOTES, f"{asked['id']} {copy} {headers['x-request-id']}\n".encode())
    answer = build_answer(asked, raw_data)
    if asked["pieces"]:
        return stream(asked, answer)
    time.sleep(asked["work_s"])
    return answer


def stream(asked: dict[str, Any], answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Numbered pieces over the time that the work takes, and the answer as the last one."""
    for number in range(asked["pieces"]):
        yield {"piece": number}
        time.sleep(asked["work_s"] / asked["pieces"])
    yield answer


def build_answer(asked: dict[str, Any], raw_data: str) -> dict[str, Any]:
    return {
        "id": asked["id"],
        "sha256": hashlib.sha256(raw_data.encode()).hexdigest(),
        "deployment": os.environ["TEAL_DEPLOYMENT"],
        "version": f"v{os.environ['VERSION']}-m{MODEL}-c{CODE}-e{read_environment()}",
    }


def read_environment() -> str:
    """Which of the two environments this is: one more package is installed in the second."""
    try:
        import iniconfig  # noqa: F401
    except ImportError:
        return "1"
    return "2"
