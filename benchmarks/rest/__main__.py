"""`make bench-rest`: what the control plane's surface takes, and a whole rollout by the stock Azure client. Exit status
1 where a bar is missed."""

import json
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.rest.measures import (
    fill_endpoints,
    measure_lists,
    measure_reads,
    measure_uploads,
    open_api,
    write_upload,
)
from benchmarks.rest.rollout import measure_rollout
from benchmarks.teal_server import running_teal, scratch_folder

RESULTS = Path(__file__).parents[1] / "results"


def main() -> int:
    with scratch_folder() as folder, running_teal(folder / "data"), open_api() as api:
        file = write_upload(folder)
        fill_endpoints(api, 200)
        p50_ms, p99_ms = measure_reads(api, file)
        rate, growth = measure_uploads(file)
        fill_endpoints(api, 1000)
        list_ms = measure_lists(api)
    with scratch_folder() as folder:
        rollout = measure_rollout(folder / "tests")
    rows = [
        ("GET of an endpoint, 200 of them, during uploads, p99", p99_ms, "ms", p99_ms < 20, "under 20"),
        ("list of 1,000 endpoints", list_ms, "ms", list_ms < 200, "under 200"),
        ("upload of 200 MB", rate, "MB/s", rate >= 150, "at least 150"),
        ("the server grows over five of them by", growth, "MB", growth < 50, "under 50"),
        ("safe rollout by azure-ai-ml, warm environment", rollout.total_s, "s", rollout.total_s < 60, "under 60"),
        (
            "of that the server's share, instances' starts included",
            rollout.server_s,
            "s",
            rollout.server_s < 5,
            "under 5",
        ),
    ]
    table = Table("what", "measured", "bar", "")
    for what, value, unit, is_met, bar in rows:
        table.add_row(what, f"{value:.1f} {unit}", f"{bar} {unit}", "" if is_met else "missed")
    Console(highlight=False).print(table)
    print(f"GET p50: {p50_ms:.1f} ms")
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / time.strftime("rest-%Y%m%dT%H%M%SZ.json", time.gmtime())
    path.write_text(json.dumps({what: value for what, value, *_ in rows}, indent=2) + "\n")
    print(f"written to {path}")
    return 0 if all(is_met for *_, is_met, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
