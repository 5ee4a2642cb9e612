"""run() fails in the way that the body says."""

import os
import signal
import time


def init():
    pass


def run(data):
    return globals()[data]()


def raises():
    raise LookupError("the model knows no such row")


def hangs():
    time.sleep(600)


def unserialisable():
    return {1, 2}


def out_of_memory():
    return len(bytearray(1 << 62))


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def crashes():
    os.abort()


def fine():
    return "fine"
