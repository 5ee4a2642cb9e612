"""A server's life: start everything in order, serve until told to stop, stop everything in order. Called by
server/commands.py.

Order of the start: store, instances (adopted), every endpoint published, gateway, REST surface. Ended by SIGTERM or
Ctrl-C it takes everything down with it; killed, or after a defect, it leaves gateway and instances serving.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from socket import socket
from typing import Any

import uvicorn

from teal import __version__
from teal.gateway.errors import GatewayError
from teal.gateway.pid_file import is_running, load_record
from teal.server.assemble import Parts, assemble_app, assemble_parts, build_envoy_settings
from teal.server.ca import ensure_certificate
from teal.server.data_dir import DataDir, explained
from teal.server.errors import StartFailed
from teal.server.garbage import without_search
from teal.server.ports import choose_gateway_port, format_url, open_listener
from teal.server.processes import observe_process
from teal.server.settings import DEFAULT_GATEWAY_PORT, DEFAULT_PORT, Settings
from teal.server.shutdown import Shutdown, remove_instances, stop_data_plane
from teal.store.blobs import list_object_ids
from teal.store.errors import StoreRefused
from teal.store.operations import delete_ended_operations

logger = logging.getLogger(__name__)

RENEW_EVERY_S = 12 * 3600.0
API_GRACE_S = 2
READY_WITHIN_S = 120.0
KEEP_ALIVE_S = 75
OPERATIONS_KEPT_S = 30 * 24 * 3600.0


async def serve(settings: Settings, data: DataDir, announce: Callable[[dict[str, Any]], None]) -> None:
    """Run a server in a directory that is prepared and locked. `announce` is called once, when it is ready."""
    shutdown = Shutdown()
    with shutdown.on_signals(asyncio.get_running_loop()):
        token = data.ensure_token()
        with explained(data.path):
            ensure_certificate(data.certificates, _certified(settings), datetime.now(UTC))
        run_dir = data.ensure_run_dir()
        ports = data.load_ports()
        listener = open_listener(settings.host, settings.port, remembered=ports.get("port"), default=DEFAULT_PORT)
        with listener:
            gateway_port = _choose_gateway_port(settings, data, run_dir, ports.get("gateway_port"))
            url = format_url("https", settings.host, listener.getsockname()[1])
            parts = assemble_parts(settings, data, run_dir, gateway_port, token=token, url=url)
            async with AsyncExitStack() as stack:
                with explained(data.path), without_search():
                    await _start_parts(settings, data, parts, stack)
                # Not before: when the start fails, what an earlier server has left serves on, and `status` says so.
                data.server_file.unlink(missing_ok=True)
                await _serve_parts(settings, data, parts, listener, url, gateway_port, token, shutdown, announce)
            if not shutdown.lets_go:
                data.remove_short_run_dir()


# --- private


async def _start_parts(settings: Settings, data: DataDir, parts: Parts, stack: AsyncExitStack) -> None:
    """Open what others need first. Whatever fails, all that was opened is closed again, and what serves goes on."""
    try:
        await parts.store.open()
        stack.push_async_callback(parts.store.close)
        await parts.blobs.open()
        stack.push_async_callback(parts.blobs.close)
        await _forget_what_has_ended(parts)
        stack.push_async_callback(parts.backend.close)
        if parts.tracking is not None:
            stack.push_async_callback(parts.tracking.close)
        await parts.loop.open()
        await parts.gateway.start()
        stack.push_async_callback(_let_go_of_gateway, parts)
    except GatewayError as error:
        if not _is_gateway_running(settings, data, data.ensure_run_dir()):
            # Without a gateway nobody can reach them.
            await remove_instances(parts.backend, 0.0)
            data.server_file.unlink(missing_ok=True)
        raise StartFailed(str(error)) from error
    except StoreRefused as error:
        raise StartFailed(str(error)) from error


async def _forget_what_has_ended(parts: Parts) -> None:
    """While nothing is uploaded yet: bytes that no blob refers to any more, and operations of long ago."""
    dropped = await parts.blobs.drop_unreferenced(await parts.store.read(list_object_ids))
    before = time.time() - OPERATIONS_KEPT_S
    forgotten = await parts.store.write(lambda tx: delete_ended_operations(tx, before=before))
    if dropped or forgotten:
        logger.info("dropped %d files that nothing refers to, forgot %d operations", dropped, forgotten)


async def _let_go_of_gateway(parts: Parts) -> None:
    await parts.gateway.stop(keep_envoy=True)


async def _serve_parts(
    settings: Settings,
    data: DataDir,
    parts: Parts,
    listener: socket,
    url: str,
    gateway_port: int,
    token: str,
    shutdown: Shutdown,
    announce: Callable[[dict[str, Any]], None],
) -> None:
    gateway_url = format_url("http", settings.host, gateway_port)
    app = assemble_app(settings, data, parts, token=token, url=url, gateway_url=gateway_url)
    api = _build_api_server(app, data)
    tasks = [
        asyncio.create_task(api.serve(sockets=[listener]), name="REST surface"),
        asyncio.create_task(parts.loop.run(), name="reconcile loop"),
        asyncio.create_task(_renew_certificate(api, data, settings), name="certificate renewal"),
        asyncio.create_task(_watch_others(asyncio.get_running_loop()), name="watch over other tasks"),
    ]
    try:
        with without_search():
            await _wait_until_ready(api, parts, tasks, shutdown)
        if not shutdown.is_asked:
            data.save_ports(port=listener.getsockname()[1], gateway_port=gateway_port)
            content = _describe(settings, url, gateway_url)
            data.save_server(content)
            logger.info("ready: %s, endpoints at %s, data in %s", url, gateway_url, data.path)
            announce(content)
        await _wait_for_end(tasks, shutdown)
        logger.info("stopping")
        data.server_file.unlink(missing_ok=True)
        api.should_exit = True
        await asyncio.wait(tasks[:1], timeout=API_GRACE_S + 1)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await parts.checks.close()
    if not shutdown.lets_go:
        await stop_data_plane(parts, shutdown, grace_s=settings.drain_s)


class _ApiServer(uvicorn.Server):
    """uvicorn without its own signal handlers: this process has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _build_api_server(app: Any, data: DataDir) -> _ApiServer:
    files = data.certificates
    return _ApiServer(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ssl_certfile=files.certificate,
            ssl_keyfile=files.key,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=API_GRACE_S,
        )
    )


async def _wait_until_ready(
    api: uvicorn.Server, parts: Parts, tasks: list[asyncio.Task[None]], shutdown: Shutdown
) -> None:
    deadline = asyncio.get_running_loop().time() + READY_WITHIN_S
    while not shutdown.is_asked:
        if api.started and await parts.gateway.is_listening():
            return
        _raise_for_ended(tasks)
        if asyncio.get_running_loop().time() > deadline:
            raise StartFailed("The gateway does not listen; logs/envoy.log in the data directory tells more.")
        await asyncio.sleep(0.01)


async def _wait_for_end(tasks: list[asyncio.Task[None]], shutdown: Shutdown) -> None:
    """Until somebody asks for the end, or a task that must never end has ended."""
    asked = asyncio.create_task(shutdown.wait(), name="wait for shutdown")
    try:
        await asyncio.wait([asked, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
    if not shutdown.is_asked:
        _raise_for_ended(tasks)


def _raise_for_ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done():
            error = None if task.cancelled() else task.exception()
            logger.critical("the %s has ended; the server goes down with it", task.get_name(), exc_info=error)
            raise StartFailed(
                f"The {task.get_name()} of the server has ended: {error or 'without a reason'}."
            ) from error


async def _watch_others(loop: asyncio.AbstractEventLoop) -> None:
    """Ends when a long-running task that some part has started for itself has died of an exception."""
    died: asyncio.Future[None] = loop.create_future()

    def hear(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        logger.error("%s", context["message"], exc_info=error)
        if "task" in context and not died.done():
            died.set_exception(error or RuntimeError(context["message"]))

    loop.set_exception_handler(hear)
    await died


async def _renew_certificate(api: uvicorn.Server, data: DataDir, settings: Settings) -> None:
    """A server may run for longer than its certificate is valid; new connections get the new one."""
    while True:
        await asyncio.sleep(RENEW_EVERY_S)
        if ensure_certificate(data.certificates, _certified(settings), datetime.now(UTC)) and api.config.ssl:
            api.config.ssl.load_cert_chain(data.certificates.certificate, data.certificates.key)
            logger.info("the server's certificate was renewed")


def _certified(settings: Settings) -> list[str]:
    hosts = [] if settings.host in ("0.0.0.0", "::") else [settings.host]
    return [*hosts, f"*.{settings.gateway_domain}"] if settings.gateway_domain else hosts


def _choose_gateway_port(settings: Settings, data: DataDir, run_dir: Path, remembered: int | None) -> int:
    is_ours = _is_gateway_running(settings, data, run_dir)
    return choose_gateway_port(
        settings.host, settings.gateway_port, remembered=remembered, default=DEFAULT_GATEWAY_PORT, is_ours=is_ours
    )


def _is_gateway_running(settings: Settings, data: DataDir, run_dir: Path) -> bool:
    """The one that an earlier server has started."""
    envoy = build_envoy_settings(settings, data, run_dir, DEFAULT_GATEWAY_PORT)
    record = load_record(envoy.pid_file)
    return record is not None and is_running(record, str(envoy.bootstrap_file))


def _describe(settings: Settings, url: str, gateway_url: str) -> dict[str, Any]:
    me = observe_process(os.getpid())
    return {
        "url": url,
        "gateway_url": gateway_url,
        "data_dir": str(settings.data_dir),
        "pid": me.pid,
        "created": me.created,
        "drain_s": settings.drain_s,
        "version": __version__,
    }
