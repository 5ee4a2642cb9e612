"""The parent of the workers: forks them around one listening socket and joins their reports. Used by __main__.

It never imports the user's script and has no threads, so that it can fork again when a worker dies. A worker that
cannot boot stops them all, and workers whose parent dies stop, as in the reference server.
"""

import contextlib
import json
import logging
import os
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Callable

from .leaving import leave
from .report import FAILED, IMPORTING, INITIALISING, READY, BootReport, Publish, Report
from .server import STOP_SIGNALS
from .settings import Settings

BOOT_FAILED_STATUS = 3
_SIGNALS = (*STOP_SIGNALS, signal.SIGCHLD)

logger = logging.getLogger("azmlinfsrv")

RunOne = Callable[[Publish], int]
"""One worker from beginning to end, its report going to the given place; returns the exit status."""


def run_workers(settings: Settings, report: BootReport, run_one: RunOne) -> int:
    """Serve with `worker_count` processes besides this one until told to stop; the exit status."""
    return _Supervisor(settings.worker_count, report, run_one).run()


# --- private


class _Worker:
    def __init__(self, pid: int, pipe: int) -> None:
        self.pid = pid
        self.pipe = pipe
        self.unread = b""
        self.phase = ""


class _Supervisor:
    def __init__(self, count: int, report: BootReport, run_one: RunOne) -> None:
        self._count = count
        self._report = report
        self._run_one = run_one
        self._workers: dict[int, _Worker] = {}
        self._selector = selectors.DefaultSelector()
        self._lifeline, self._held = os.pipe()
        """Nothing is written to it: it closes with this process, and the workers see that."""
        self._phases_told: set[str] = set()
        self._is_stopping = False
        self._status = 0

    def run(self) -> int:
        """Things that can happen next: a signal to stop, the end of a worker (a signal too), a worker's report."""
        signals, sink = socket.socketpair()
        signals.setblocking(False)
        sink.setblocking(False)
        signal.set_wakeup_fd(sink.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        self._selector.register(signals, selectors.EVENT_READ)
        for _ in range(self._count):
            self._fork()
        while self._workers:
            for key, _events in self._selector.select():
                if key.fileobj is signals:
                    numbers = set(signals.recv(4096))
                    if numbers & set(STOP_SIGNALS):
                        self._stop()
                    if signal.SIGCHLD in numbers:
                        self._bury_the_dead()
                elif key.fd in self._workers:
                    self._read(self._workers[key.fd])
        return self._status

    def _fork(self) -> None:
        reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            os.close(self._held)
            self._selector.close()
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            threading.Thread(target=_stop_with_parent, args=(self._lifeline,), daemon=True).start()
            status = 1
            try:
                status = self._run_one(_publish_to_pipe(writing))
            except Exception:  # the edge: nobody else would tell
                logger.exception("The worker ended because of an error")
            finally:
                leave(status)
        os.close(writing)
        os.set_blocking(reading, False)
        worker = _Worker(pid, reading)
        self._workers[reading] = worker
        self._selector.register(reading, selectors.EVENT_READ)

    def _read(self, worker: _Worker) -> None:
        """Everything that is there. That the worker has ended is told by SIGCHLD: its children may hold the pipe."""
        chunk = b"?"
        while chunk:
            try:
                chunk = os.read(worker.pipe, 65536)
            except BlockingIOError:
                return
            *lines, worker.unread = (worker.unread + chunk).split(b"\n")
            for line in lines:
                self._note(worker, json.loads(line))
        if worker.pipe in self._selector.get_map():
            self._selector.unregister(worker.pipe)

    def _note(self, worker: _Worker, seen: Report) -> None:
        worker.phase = seen["phase"]
        if worker.phase == FAILED:
            self._tell_failed(seen["error"])
        elif worker.phase in {IMPORTING, INITIALISING}:
            self._tell(worker.phase)
        elif all(one.phase == READY for one in self._workers.values()):
            self._tell(READY)

    def _bury_the_dead(self) -> None:
        for worker in list(self._workers.values()):
            pid, wait_status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._read(worker)
                self._bury(worker, os.waitstatus_to_exitcode(wait_status))

    def _bury(self, worker: _Worker, status: int) -> None:
        if worker.pipe in self._selector.get_map():
            self._selector.unregister(worker.pipe)
        os.close(worker.pipe)
        del self._workers[worker.pipe]
        if self._is_stopping:
            self._status = self._status or max(0, status)
        elif worker.phase == READY or (READY in self._phases_told and status < 0):
            how = f"ended with status {status}" if status >= 0 else f"was killed by signal {-status}"
            logger.error("WorkerKilled: Worker %d %s and is replaced.", worker.pid, how)
            self._fork()
        else:
            how = f"ended with status {status}" if status >= 0 else f"was killed by signal {-status}"
            if worker.phase != FAILED:
                death = _build_death(f"A worker {how} while {worker.phase or 'starting'}", -status)
                logger.error("%s: %s\n%s", death["code"], death["message"], death["hint"])
                self._tell_failed(death)
            self._status = BOOT_FAILED_STATUS
            self._stop()

    def _stop(self) -> None:
        self._is_stopping = True
        for worker in self._workers.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGTERM)

    def _tell(self, phase: str) -> None:
        if phase not in self._phases_told and FAILED not in self._phases_told:
            self._phases_told.add(phase)
            self._report.begin(phase)

    def _tell_failed(self, error: Report) -> None:
        if FAILED not in self._phases_told:
            self._phases_told.add(FAILED)
            self._report.fail_with(error)


def _stop_with_parent(lifeline: int) -> None:
    """On a thread of a worker: whoever kills the parent means the server."""
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _build_death(message: str, signal_number: int) -> Report:
    """A worker that could say nothing itself."""
    hint = "The last lines of the log show what it did."
    if signal_number == signal.SIGKILL:
        hint = "The system may have run out of memory: choose a larger instance_type, or fewer workers."
    elif signal_number in {signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGBUS}:
        hint = "A native library crashed; the log shows where."
    return {"code": "WorkerKilled", "message": message, "traceback": "", "hint": hint}


def _publish_to_pipe(descriptor: int) -> Publish:
    def publish(report: Report) -> None:
        line = json.dumps({"phase": report["phase"], "error": report["error"]}).encode() + b"\n"
        with contextlib.suppress(BrokenPipeError):
            os.write(descriptor, line)

    return publish
