"""Does what no script should, by the word in the body, and says it is well afterwards."""

import asyncio
import atexit
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time


class Nameless(Exception):
    def __str__(self):
        raise RuntimeError("no name either")


def init():
    atexit.register(sys.__stderr__.write, "atexit function ran\n")


def run(data):
    return globals().get(f"do_{data}", str)(data)


def do_nameless(_):
    raise Nameless


def do_log(_):
    class Unprintable:
        def __str__(self):
            raise KeyError("unprintable")

    logging.getLogger("azmlinfsrv").info("%s", Unprintable())
    return "logged"


def do_fork(_):
    return "parent" if os.fork() else "child"


def do_terminate(_):
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
    child.start()
    child.terminate()
    child.join()
    return str(child.exitcode)


def do_threads(_):
    for _ in range(3):
        threading.Thread(target=time.sleep, args=(600,)).start()
    return "started"


def do_loop(_):
    async def listen():
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, print)

    asyncio.run(listen())
    return "looped"


def do_alarm(_):
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    time.sleep(600)


def do_close(_):
    sys.stdout.close()
    return "closed"


def do_leave(_):
    os._exit(5)
