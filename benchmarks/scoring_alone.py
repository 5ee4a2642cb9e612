"""How often a second a script's run() can be called when nothing else happens: the ceiling of any server with one
worker. Used by benchmarks/scoring.py; as a program, it is the process that calls."""

import importlib
import json
import os
import subprocess
import sys
import time

from benchmarks.scoring_peers import SCRIPTS

CALLS_BETWEEN_LOOKS = 20


def measure_alone(script: str, body: str, seconds: float, **variables: str) -> float:
    """Calls per second, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scoring_alone", script, str(seconds)],
        input=body,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(done.stdout))


def call(script: str, body: str, seconds: float) -> float:
    sys.path.append(str(SCRIPTS))
    module = importlib.import_module(script)
    module.init()
    module.run(body)
    calls, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for _ in range(CALLS_BETWEEN_LOOKS):
            module.run(body)
        calls += CALLS_BETWEEN_LOOKS
    return calls / (time.perf_counter() - began)


if __name__ == "__main__":
    print(json.dumps(call(sys.argv[1], sys.stdin.read(), float(sys.argv[2]))))
