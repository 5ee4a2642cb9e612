"""A stand-in for the scoring server that does as SCRIPT says: `step step=value …`. Run by tests of compute backends.

Steps: ready, report_failed=CODE, print=TEXT, lines=N, exit=N, stubborn (ignores SIGTERM), child (in its group),
runaway (in a session of its own), allocate=MIB, wait_for=FILE, write=FILE, port_taken_unless=FILE, serve.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

REPORT = Path(os.environ["TEAL_SCORING_REPORT"])
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def report(phase: str, error: dict[str, str] | None = None) -> None:
    phases = [{"name": "importing", "started_at": time.time()}, {"name": phase, "started_at": time.time()}]
    draft = REPORT.with_suffix(".draft")
    draft.write_text(json.dumps({"phase": phase, "phases": phases, "error": error}))
    draft.rename(REPORT)


def fail(code: str) -> None:
    report("failed", {"code": code, "message": f"It is {code}.", "traceback": "Traceback: here", "hint": "Do it."})
    sys.exit(3)


def take(step: str, value: str) -> None:
    if step == "ready":
        report("ready")
    elif step == "report_failed":
        fail(value)
    elif step == "print":
        print(value, flush=True)
    elif step == "lines":
        for number in range(int(value)):
            print(f"line {number}")
    elif step == "exit":
        sys.exit(int(value))
    elif step == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif step in {"child", "runaway"}:
        process = subprocess.Popen(SLEEPER, start_new_session=step == "runaway")
        Path(step).write_text(str(process.pid))
    elif step == "allocate":
        globals()["held"] = b"x" * (int(value) << 20)
    elif step == "wait_for":
        while not Path(value).exists():
            time.sleep(0.01)
    elif step == "write":
        with open(value, "a") as file:
            file.write("overwritten")
    elif step == "port_taken_unless" and not Path(value).exists():
        Path(value).touch()
        fail("PortTaken")
    elif step == "serve":
        while True:
            time.sleep(600)


for word in os.environ.get("SCRIPT", "ready serve").split():
    take(*word.partition("=")[::2])
