"""Requests as fast as they are answered, by wrk where it is installed, else by benchmarks/load.py. Used by
benchmarks/scoring.py."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.load import Load, LoadResult

HAS_WRK = shutil.which("wrk") is not None
_UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


def measure_load(load: Load) -> LoadResult:
    """One run, in a process of its own."""
    return _measure_with_wrk(load) if HAS_WRK else _measure_with_python(load)


# --- private


def _measure_with_python(load: Load) -> LoadResult:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(load)),
        capture_output=True,
        text=True,
        check=True,
    )
    return LoadResult(**json.loads(done.stdout))


def _measure_with_wrk(load: Load) -> LoadResult:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "post.lua"
        lines = ['wrk.method = "POST"', f"wrk.body = [==[{load.body}]==]"]
        lines += [f'wrk.headers["{name}"] = "{value}"' for name, value in load.headers.items()]
        script.write_text("\n".join(lines))
        options = ["-t1", f"-c{load.connections}", f"-d{load.seconds:.0f}s", "--latency", "-s", str(script)]
        url = f"http://127.0.0.1:{load.port}{load.path}"
        printed = subprocess.run(["wrk", *options, url], capture_output=True, text=True, check=True).stdout
    per_second = float(_find(r"Requests/sec:\s+([\d.]+)", printed))
    refused = int(_find(r"Non-2xx or 3xx responses: (\d+)", printed, "0"))
    seconds = load.seconds
    return LoadResult(
        answered=round(per_second * seconds) - refused,
        refused=refused,
        seconds=seconds,
        p50_ms=_milliseconds(_find(r"\n\s+50%\s+(\S+)", printed)),
        p99_ms=_milliseconds(_find(r"\n\s+99%\s+(\S+)", printed)),
    )


def _find(pattern: str, text: str, default: str | None = None) -> str:
    found = re.search(pattern, text)
    if found is None and default is None:
        raise ValueError(f"wrk printed no {pattern}: {text}")
    return found[1] if found else str(default)


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * _UNITS_MS[unit]
