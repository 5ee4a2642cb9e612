"""The listening side of one worker: the socket, granian on a thread of its own, and the stop. Used by worker.py.

Granian's embedded server is used (one process, no second import of the script). On `stop` its connections end the way
hyper's graceful shutdown does: the listener closes, idle connections close, and every request that has begun to arrive
is answered, with `connection: close`.
"""

import asyncio
import errno
import functools
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from .admission import Scoring
from .failures import BadSettings, PortTaken
from .http import ScoringApp, start_flushing

IDLE_TIMEOUT_MS = 600_000
"""How long a kept-alive connection may lie idle. Far above Envoy's own idle time-out for upstream connections, so that
it is always the client that closes, and never this server in the moment a request is on its way."""

MAX_CONNECTIONS = 16_384
"""Granian accepts no further connection above this; what limits requests is concurrency.py."""

LAST_CALL_S = 0.1
"""Between the signal and closing the listener: requests already in a socket's buffer are read and answered."""

BACKLOG = 1024
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

logger = logging.getLogger("azmlinfsrv")


def open_listener(host: str, port: int) -> socket.socket:
    """Bind, but do not listen: nobody is answered before init() is done. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _listening_failed(host, port, error) from error
    return listener


def start_listening(listener: socket.socket) -> None:
    """From now on connections are accepted. Raises PortTaken when another process was faster."""
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        host, port = listener.getsockname()[:2]
        raise _listening_failed(host, port, error) from error


class ScoringServer:
    """Serves `app` on a thread of its own, because the main thread belongs to run(). One use."""

    def __init__(
        self,
        app: ScoringApp,
        scoring: Scoring[Any],
        listeners: Sequence[socket.socket],
        *,
        stop_grace_s: float,
        on_ready: Callable[[], None],
    ) -> None:
        self._app = app
        self._scoring = scoring
        self._stop_grace_s = stop_grace_s
        self._on_ready = on_ready
        self._signals, self._signal_sink = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="teal-scoring-server", daemon=True)
        self._stopping: asyncio.Event | None = None
        self._is_second_signal = False
        self.exit_status = 1
        self._granians = [_build_granian(listener, app, self._on_serving) for listener in listeners]
        self._not_serving = len(self._granians)

    def start(self) -> None:
        """From here SIGTERM and SIGINT mean a graceful stop. Call on the main thread."""
        self._signals.setblocking(False)
        self._signal_sink.setblocking(False)
        # The wake-up descriptor is written at once, even while run() keeps the main thread inside C code.
        signal.set_wakeup_fd(self._signal_sink.fileno(), warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, self._pass_on)
        _keep_signals_apart()
        self._thread.start()

    def join(self) -> int:
        """The exit status, once everything in hand is answered."""
        self._thread.join()
        return self.exit_status

    # --- private

    def _run(self) -> None:
        try:
            _run(self._serve())
        except Exception:  # the edge: a server thread that dies must take the process down, loudly
            logger.exception("The server stopped because of an error")
        if self._scoring.main_is_stuck:
            logger.warning("run() does not return: the process ends without waiting for it.")
            logging.shutdown()
            os._exit(self.exit_status)
        self._scoring.close()

    async def _serve(self) -> None:
        """Things that can happen next: a signal (stop, or leave at once), granian ending by itself, the grace over."""
        loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._scoring.attach(loop)
        loop.add_reader(self._signals, self._on_signal)
        start_flushing(self._app, loop)
        serving = loop.create_task(self._serve_all(), name="granian")
        stopping = loop.create_task(self._stopping.wait(), name="stop-signal")
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done():
            stopping.cancel()
            await serving
            logger.error("The HTTP server ended without being asked to.")
            return
        self._app.begin_stop()
        logger.info("Stopping: %d requests in hand will be answered.", self._app.in_hand)
        await asyncio.sleep(LAST_CALL_S)
        for granian in self._granians:
            granian.stop()  # type: ignore[no-untyped-call]
        _, late = await asyncio.wait({serving}, timeout=self._stop_grace_s)
        if late:
            logger.warning("%d requests were not answered within %g s.", self._app.in_hand, self._stop_grace_s)
            self._app.access_log.flush()
            logging.shutdown()
            os._exit(0)
        self._app.access_log.flush()
        self.exit_status = 0
        logger.info("Stopped.")

    def _on_signal(self) -> None:
        for number in self._signals.recv(4096):
            if number not in STOP_SIGNALS or self._stopping is None:
                continue
            if self._stopping.is_set() and number == signal.SIGINT:
                logger.warning("Interrupted again: leaving at once.")
                os._exit(130)
            self._stopping.set()

    def _pass_on(self, number: int, _frame: object) -> None:
        """The wake-up descriptor has told the server's thread already, unless an event loop of the script took it."""
        own = self._signal_sink.fileno()
        if signal.set_wakeup_fd(own, warn_on_full_buffer=False) != own:
            self._signal_sink.send(bytes([number]))

    async def _serve_all(self) -> None:
        await asyncio.gather(*(granian.serve() for granian in self._granians))

    def _on_serving(self) -> None:
        self._not_serving -= 1
        if not self._not_serving:
            self._on_ready()


def _keep_signals_apart() -> None:
    """A process that run() forks begins with our handlers and our descriptor: what it is sent would stop the server. So
    nothing reaches it before it has its own."""
    mask = signal.pthread_sigmask
    os.register_at_fork(
        before=functools.partial(mask, signal.SIG_BLOCK, STOP_SIGNALS),
        after_in_parent=functools.partial(mask, signal.SIG_UNBLOCK, STOP_SIGNALS),
        after_in_child=_become_mortal,
    )


def _become_mortal() -> None:
    signal.set_wakeup_fd(-1)
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def _run(serving: Coroutine[Any, Any, None]) -> None:
    """On uvloop's event loop, which is a third cheaper a request, where there is one."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(serving)
    else:
        uvloop.run(serving)


def _build_granian(listener: socket.socket, app: ScoringApp, on_serving: Callable[[], None]) -> "_EmbeddedGranian":
    host, port = listener.getsockname()[:2]
    granian = _EmbeddedGranian(
        _Target(app, on_serving),
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.auto,
        websockets=False,
        backlog=BACKLOG,
        backpressure=MAX_CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=IDLE_TIMEOUT_MS),
        log_level=LogLevels.error,
        # incremental, or granian's logging.config.dictConfig() would close the handlers of the user's script
        log_dictconfig={"incremental": True, "handlers": {}, "loggers": {}},
    )
    granian.listener = listener
    return granian


class _EmbeddedGranian(Server):
    """Granian on a socket that is already bound: its own would share the port with whoever else listens there."""

    listener: socket.socket

    def _init_shared_socket(self) -> None:
        make: Any = SocketHolder  # its stub names no arguments: descriptor, is it a unix socket, backlog
        self._shd = make(self.listener.detach(), False, BACKLOG)


class _Target:
    """What granian calls: the application, and the moment it begins to serve."""

    def __init__(self, app: ScoringApp, on_serving: Callable[[], None]) -> None:
        self.__rsgi__ = app.__rsgi__
        self._on_serving = on_serving

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # Called right before the worker is started, in the same step of the loop: the next step finds it running.
        loop.call_soon(self._on_serving)


def _listening_failed(host: str, port: int, error: OSError) -> Exception:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(f"Port {port} on {host} is in use by another process", "Choose another port, or stop it.")
    return BadSettings(f"Cannot listen on {host}:{port}: {error.strerror}")
