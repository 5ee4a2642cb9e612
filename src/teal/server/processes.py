"""Which process a number means: pid and time of birth together, because numbers are used again. Called by
server/data_dir.py and server/commands.py."""

import signal
import time
from dataclasses import dataclass

import psutil

LOOK_EVERY_S = 0.05
CREATED_TOLERANCE_S = 2.0
LET_GO = signal.SIGUSR1
"""Asks a control plane to end alone: its gateway and instances serve on until the next one takes them over."""


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process for good; `created` is epoch seconds."""

    pid: int
    created: float


def observe_process(pid: int) -> ProcessIdentity:
    return ProcessIdentity(pid, psutil.Process(pid).create_time())


def is_alive(identity: ProcessIdentity) -> bool:
    try:
        process = psutil.Process(identity.pid)
        return (
            abs(process.create_time() - identity.created) < CREATED_TOLERANCE_S
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.Error:
        return False


def wait_for_end(identity: ProcessIdentity, within_s: float) -> bool:
    """True once it has ended, False when it still lives after that time."""
    deadline = time.monotonic() + within_s
    while is_alive(identity):
        if time.monotonic() >= deadline:
            return False
        time.sleep(LOOK_EVERY_S)
    return True
