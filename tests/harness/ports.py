"""Free TCP ports on the loopback address, for tests that start real servers."""

import os
import random
import socket
from collections.abc import Iterator
from itertools import cycle

# Below what systems choose from by themselves, where any connection may take a port between its choice and its use.
LOWEST, HIGHEST = 12_000, 32_000

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_start = random.randrange(LOWEST, HIGHEST, _workers) + _worker
_ports: Iterator[int] = cycle([*range(_start, HIGHEST, _workers), *range(LOWEST + _worker, _start, _workers)])


def free_port() -> int:
    """A port nobody listens on now, that this test run has not given out lately, and its other processes never."""
    while True:
        port = next(_ports)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
