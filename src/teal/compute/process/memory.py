"""How much memory instances use, by process group; called once a second by compute/process/backend.py."""

import os
from collections.abc import Collection, Mapping

import psutil


def observe_resident_bytes(groups: Collection[int]) -> Mapping[int, int]:
    """Resident bytes of each process group, all its processes together. What forked workers share counts in each."""
    resident = dict.fromkeys(groups, 0)
    for pid in psutil.pids():
        try:
            group = os.getpgid(pid)
            if group in resident:
                resident[group] += psutil.Process(pid).memory_info().rss
        except (ProcessLookupError, PermissionError, psutil.Error):
            continue
    return resident
