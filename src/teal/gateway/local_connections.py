"""Who is connected to a port of this machine, as the kernel sees it; for `gateway.py`.

Envoy's own count of what an instance has in its hands begins at 0 whenever its cluster is changed (a limit, say):
requests that go on in connections from before are seen here only.
"""

import os
import sys
from collections import Counter
from collections.abc import Set
from contextlib import suppress
from pathlib import Path


def count_connections(ports: Set[int]) -> Counter[int]:
    """Open connections to each of these ports of 127.0.0.1, but for this process's own. Nothing where the system does
    not tell (Linux does)."""
    own = _find_own_sockets()
    found: Counter[int] = Counter()
    with suppress(OSError), _TABLE.open() as table:
        for line in table:
            words = line.split()
            if words[_STATE] != _ESTABLISHED or not words[_REMOTE].startswith(_LOOPBACK):
                continue
            port = int(words[_REMOTE][len(_LOOPBACK) :], 16)
            if port in ports and words[_INODE] not in own:
                found[port] += 1
    return found


# --- private

# https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html
_TABLE = Path("/proc/net/tcp")
_REMOTE, _STATE, _INODE = 2, 3, 9
_ESTABLISHED = "01"
_LOOPBACK = f"{int.from_bytes(bytes((127, 0, 0, 1)), sys.byteorder):08X}:"


def _find_own_sockets() -> set[str]:
    found = set()
    with suppress(OSError):
        for name in os.listdir("/proc/self/fd"):
            with suppress(OSError):
                found.add(os.readlink(f"/proc/self/fd/{name}").removeprefix("socket:[").removesuffix("]"))
    return found
