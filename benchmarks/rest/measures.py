"""What the control plane's surface takes: reads while files come in, long lists, uploads, memory."""

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx
import psutil

from teal.sdk.addresses import find_server
from tests.harness.waiting import wait_until_sync

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/bench"
ENDPOINTS = f"{WORKSPACE}/onlineEndpoints"
UPLOAD_MB = 200
READS = 1000
LISTS = 7
UPLOADS = 5


@contextmanager
def open_api() -> Iterator[httpx.Client]:
    server = find_server()
    with httpx.Client(
        base_url=server.url,
        headers={"Authorization": f"Bearer {server.token}"},
        verify=ssl.create_default_context(cafile=server.ca),
        trust_env=False,
        timeout=60,
    ) as api:
        yield api


def fill_endpoints(api: httpx.Client, count: int) -> None:
    """So many endpoints without deployments, all of them settled."""
    for number in range(count):
        api.put(f"{ENDPOINTS}/bench-{number:04d}", json={}).raise_for_status()
    wait_until_sync(lambda: all(state == "Succeeded" for state in list_states(api)), 120, every_s=1)


def list_states(api: httpx.Client) -> list[str]:
    return [endpoint["properties"]["provisioningState"] for endpoint in api.get(ENDPOINTS).json()["value"]]


def measure_lists(api: httpx.Client) -> float:
    """Milliseconds, the median of a few."""
    return median(_time_ms(lambda: api.get(ENDPOINTS).raise_for_status()) for _ in range(LISTS))


def measure_reads(api: httpx.Client, file: Path) -> tuple[float, float]:
    """Milliseconds of a GET, p50 and p99, while one upload after the other comes in."""
    upload = start_upload(file, "during-reads")
    took: list[float] = []
    while len(took) < READS:
        if upload.poll() is not None:
            upload = start_upload(file, "during-reads")
        took.append(_time_ms(lambda: api.get(f"{ENDPOINTS}/bench-0001").raise_for_status()))
    upload.wait()
    took.sort()
    return took[len(took) // 2], took[int(len(took) * 0.99)]


def measure_uploads(file: Path) -> tuple[float, float]:
    """MB a second (the median), and by how many MB the server has grown over all of them."""
    server = psutil.Process(find_server_pid())
    rates, sizes = [], []
    for number in range(UPLOADS):
        with start_upload(file, f"upload-{number}") as upload:
            out, _ = upload.communicate()
        rates.append(UPLOAD_MB / float(out))
        sizes.append(server.memory_info().rss / 1e6)
    return median(rates), max(sizes) - sizes[0]


def start_upload(file: Path, name: str) -> subprocess.Popen[str]:
    server = find_server()
    # Every one has other bytes: what is there already would not be written again.
    with file.open("r+b") as content:
        content.write(os.urandom(16))
    words = [f"{server.url}/azblob/azureml/{name}", str(server.ca), str(server.token), str(file)]
    return subprocess.Popen([sys.executable, "-m", "benchmarks.rest.upload", *words], stdout=subprocess.PIPE, text=True)


def write_upload(folder: Path) -> Path:
    file = folder / "upload.bin"
    with file.open("wb") as out:
        for _ in range(UPLOAD_MB):
            out.write(os.urandom(1_000_000))
    return file


def find_server_pid() -> int:
    content = json.loads((Path(os.environ["TEAL_DATA_DIR"]) / "server.json").read_text())
    return int(content["pid"])


# --- private


def _time_ms(call: Callable[[], object]) -> float:
    started_at = time.perf_counter()
    call()
    return (time.perf_counter() - started_at) * 1000
