"""A whole rollout by the stock Azure client on a warm environment: what it takes, and what of that is the server's.

Called by __main__.py. The client sleeps between its looks at an operation; the server's share is what it needs itself.
"""

import json
import os
import re
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

TEST = Path(__file__).parents[2] / "tests" / "azure" / "test_safe_rollout.py"
AZURE_PYTHON = Path(sys.executable).parents[1] / "azure" / "bin" / "python"


@dataclass(frozen=True, slots=True)
class Rollout:
    """Seconds. `changing_s`: of all operations from accepted to done, with instances that start and drain;
    `answering_s`: of all requests that are not GETs, which take a few milliseconds and stand in no log."""

    total_s: float
    changing_s: float
    answering_s: float

    @property
    def server_s(self) -> float:
        return self.changing_s + self.answering_s


def measure_rollout(folder: Path) -> Rollout:
    """The test of it, twice on one server: the first builds the environment, the second is measured."""
    words: list[str | Path] = [AZURE_PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", folder]
    words += ["--durations=4", "--durations-min=0.1", "--keep-duplicates", TEST, TEST]
    environ = os.environ | {"TEAL_PYTHON": sys.executable}
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    calls = re.findall(r"^([\d.]+)s call ", done.stdout, re.MULTILINE)
    if done.returncode != 0 or len(calls) != 2:
        raise SystemExit(f"the rollout by azure-ai-ml failed:\n{done.stdout}")
    data_dir = next(folder.glob("azure*/data"))
    operations = _load_operations(data_dir / "teal.db")
    second = operations[len(operations) // 2 :]
    return Rollout(
        total_s=min(float(call) for call in calls),
        changing_s=sum(ended_at - started_at for started_at, ended_at in second),
        answering_s=_sum_answers(data_dir / "logs" / "server.log", since=second[0][0]),
    )


# --- private

_LINE = re.compile(r"(?P<time>\S+Z) .* teal\.api\.requests: \S+ .+ \d+ (?P<ms>[\d.]+)ms ")


def _load_operations(database: Path) -> list[tuple[float, float]]:
    with sqlite3.connect(database) as connection:
        bodies = [json.loads(body) for (body,) in connection.execute("SELECT body FROM operations ORDER BY seq")]
    return [(body["started_at"], body["ended_at"]) for body in bodies]


def _sum_answers(log: Path, *, since: float) -> float:
    lines = [match for line in log.read_text().splitlines() if (match := _LINE.match(line))]
    return sum(float(x["ms"]) / 1000 for x in lines if datetime.fromisoformat(x["time"]).timestamp() >= since)
