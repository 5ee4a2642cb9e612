"""`teal up`, `teal down`, `teal status`: what they do and print. Called by the command line, which imports this late.

Exit status: 0 done (or nothing to do), 1 refused with one sentence on standard error, 3 from `status`: not running.
"""

import asyncio
import os
import shlex
import signal
import sys
import time
from contextlib import suppress
from typing import Any, NoReturn

from teal.server.data_dir import DataDir, explained
from teal.server.detach import start_detached
from teal.server.errors import DataDirInUse, ServerError
from teal.server.processes import LET_GO, ProcessIdentity, is_alive, wait_for_end
from teal.server.ready_pipe import ReadyPipe
from teal.server.settings import Settings, load_settings
from teal.server.status import describe_running
from teal.telemetry.logs import configure_logging

NOT_RUNNING = 3
STARTING_S = 30.0
STOPPING_S = 30.0
LOOK_EVERY_S = 0.05


def up(
    data_dir: str | None = None,
    port: int | None = None,
    gateway_port: int | None = None,
    host: str | None = None,
    detach: bool = False,
) -> None:
    """Start a server, in the foreground unless `detach`; a running one is left alone."""
    try:
        settings = load_settings(data_dir=data_dir, port=port, gateway_port=gateway_port, host=host)
        data = DataDir(settings.data_dir)
        data.prepare()
        _up(settings, data, detach=detach)
    except ServerError as error:
        _refuse(error)


def down(data_dir: str | None = None, keep_serving: bool = False) -> None:
    """Stop the server with everything it started, also what a killed one left behind; with `keep_serving` the control
    plane alone, as before an upgrade."""
    try:
        settings = load_settings(data_dir=data_dir)
        data = DataDir(settings.data_dir)
        if not data.path.exists():
            print(f"No Teal server is running in {data.path}.")
            return
        if keep_serving:
            _let_go(data)
            return
        stopped, ended = _end_everything(settings, data)
        if stopped:
            print(f"Stopped the server (process {stopped.pid}).")
        if ended:
            print(
                f"{'It' if stopped else 'The server was not running; it'} had left behind, and now ended: "
                f"{', '.join(ended)}."
            )
        elif not stopped:
            print(f"No Teal server is running in {data.path}.")
    except ServerError as error:
        _refuse(error)


def status(data_dir: str | None = None) -> dict[str, Any]:
    """Where the server is and what it serves; exits with 3 when it is not running."""
    try:
        settings = load_settings(data_dir=data_dir)
        data = DataDir(settings.data_dir)
        running = _find_running(data)
        if running is None:
            print(_describe_absent(data), file=sys.stderr)
            sys.exit(NOT_RUNNING)
        return describe_running(data, running)
    except ServerError as error:
        _refuse(error)


def run_in_foreground(settings: Settings, data: DataDir, *, parent: ReadyPipe | None = None) -> None:
    """Serve until told to stop. With `parent`, that of a detached server, this is told, not the terminal."""
    with data.locked():
        # Late, because the whole server comes with it: `status` and an idle `up` answer in a fraction of its time.
        # After the lock, so that from here on a `down` finds this process.
        from teal.server.run import serve

        with explained(data.path):
            configure_logging(data.log_file, level=settings.log_level, on_terminal=parent is None)

        def announce(content: dict[str, Any]) -> None:
            if parent is not None:
                parent.say_ready()
                return
            _print_addresses(content)
            print("Ctrl-C stops everything; twice, at once.", flush=True)

        asyncio.run(serve(settings, data, announce))


def find_patience_s(settings: Settings, data: DataDir) -> float:
    """How long a server may take that stops as it should: first its gateway drains, then its instances. What the
    server itself was started with counts, not what is set in this shell."""
    drain_s = data.load_server().get("drain_s")
    return 2 * (drain_s if isinstance(drain_s, (int, float)) else settings.drain_s) + STOPPING_S


# --- private


def _up(settings: Settings, data: DataDir, *, detach: bool) -> None:
    """Of two that start at once one gets the lock; the other then finds it running, as it would a moment later."""
    deadline = time.monotonic() + STARTING_S
    while True:
        if running := _wait_for_other(data):
            print(f"Teal is running already (process {running['pid']}).")
            _print_addresses(running)
            return None
        try:
            if not detach:
                return run_in_foreground(settings, data)
            _print_addresses(start_detached(settings, data))
            print(f"Stop it with: teal down --data-dir {shlex.quote(str(data.path))}")
            return None
        except DataDirInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOOK_EVERY_S)


def _find_running(data: DataDir) -> dict[str, Any] | None:
    """What the ready server of this directory says of itself."""
    content = data.load_server()
    try:
        identity = ProcessIdentity(int(content["pid"]), float(content["created"]))
    except (KeyError, TypeError, ValueError):
        return None
    return content if is_alive(identity) else None


def _describe_absent(data: DataDir) -> str:
    if other := data.find_server_process():
        return f"A Teal server is starting or stopping in {data.path} (process {other.pid})."
    if data.load_server():
        return (
            f"The Teal server of {data.path} was killed. What it had started may serve on: "
            "`teal up` takes it over, `teal down` ends it."
        )
    return f"No Teal server is running in {data.path}."


def _wait_for_other(data: DataDir) -> dict[str, Any] | None:
    """The running server; one that is just starting or stopping is waited for. None: there is none (any more)."""
    if running := _find_running(data):
        return running
    if (other := data.find_server_process()) is None:
        return None
    for _ in range(int(STARTING_S / LOOK_EVERY_S)):
        if wait_for_end(other, LOOK_EVERY_S):
            return None
        if running := _find_running(data):
            return running
    raise DataDirInUse(f"Another server (process {other.pid}) is starting or stopping in {data.path}; try again later.")


def _end_everything(settings: Settings, data: DataDir) -> tuple[ProcessIdentity | None, list[str]]:
    """The server that was stopped, and what others had left behind. A server that is just starting may have the lock
    before it can be seen, and may end before it has taken over what a killed one left."""
    deadline = time.monotonic() + STARTING_S
    stopped = None
    while True:
        if server := data.find_server_process():
            was_ready = _find_running(data) is not None
            _stop(server, find_patience_s(settings, data))
            stopped = server
            if was_ready:
                return stopped, []
        try:
            return stopped, _end_leftovers(settings, data)
        except DataDirInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOOK_EVERY_S)


def _let_go(data: DataDir) -> None:
    server = data.find_server_process()
    if server is None:
        print(f"No control plane runs in {data.path}; what serves goes on serving.")
        return
    with suppress(ProcessLookupError):
        os.kill(server.pid, LET_GO)
    if not wait_for_end(server, STOPPING_S):
        raise ServerError(f"The control plane (process {server.pid}) has not stopped within {STOPPING_S:g} s.")
    print(f"Stopped the control plane (process {server.pid}); gateway and instances serve on until `teal up`.")


def _stop(server: ProcessIdentity, patience_s: float) -> None:
    """Politely; then at once; then by force."""
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(server.pid, number)
        except ProcessLookupError:
            return
        except PermissionError:
            raise ServerError(f"The server (process {server.pid}) belongs to another user.") from None
        if wait_for_end(server, patience_s):
            return
        print(f"The server (process {server.pid}) takes its time; urging it.", file=sys.stderr)
    raise ServerError(f"The server (process {server.pid}) could not be stopped.")


def _end_leftovers(settings: Settings, data: DataDir) -> list[str]:
    from teal.server.leftovers import end_leftovers

    data.prepare()
    with data.locked():
        configure_logging(data.log_file, level=settings.log_level, on_terminal=True)
        ended = asyncio.run(end_leftovers(settings, data))
        data.server_file.unlink(missing_ok=True)
        data.remove_short_run_dir()
        return ended


def _print_addresses(content: dict[str, Any]) -> None:
    folder = content["data_dir"]
    print(f"Control plane  {content['url']}")
    print(f"Endpoints      {content['gateway_url']}")
    print(f"Data           {folder}")
    print(f"Talk to it     export TEAL_DATA_DIR={shlex.quote(folder)}, then: teal online-endpoint list", flush=True)


def _refuse(error: ServerError) -> NoReturn:
    print(error, file=sys.stderr)
    sys.exit(1)
