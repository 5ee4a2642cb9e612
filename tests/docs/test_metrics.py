"""Everything that Teal counts for people has its line in docs/metrics.md, and nothing else has."""

import re
from collections.abc import Mapping
from pathlib import Path

from teal.gateway import traffic
from teal.gateway.traffic import TrafficObserved
from teal.server.request_counts import RequestCounts

ROOT = Path(__file__).parents[2]
CELLS = [
    line.split("|")[1] for line in (ROOT / "docs" / "metrics.md").read_text().splitlines() if line.startswith("| `")
]
NAMES = {name for cell in CELLS for name in re.findall(r"`([^`]+)`", cell)}


async def test_every_count_of_requests_is_documented() -> None:
    async def observe(_: str) -> Mapping[str, TrafficObserved]:
        return {"blue": TrafficObserved()}

    counts = await RequestCounts(observe)("orders")
    assert counts is not None
    assert {f"requests.{name}" for name in counts["blue"]} == {name for name in NAMES if name.startswith("requests.")}


def test_every_counter_of_envoy_that_teal_reads_is_documented() -> None:
    read = set(traffic.COUNTERS)
    assert {name for name in NAMES if name.startswith("upstream_")} == read


def test_every_metric_of_the_scoring_server_is_documented() -> None:
    scoring = ROOT / "packages" / "teal-scoring" / "src" / "teal_scoring"
    defined = {name for path in scoring.glob("*.py") for name in re.findall(r"# TYPE (\w+) ", path.read_text())}
    assert defined
    assert {name for name in NAMES if name.startswith("teal_scoring")} == defined
