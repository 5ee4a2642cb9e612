"""Which ports a server listens on: asked for, remembered, default, or any free one. Called by server/run.py."""

import errno
import os
import socket

from teal.server.errors import PortRefused

BACKLOG = 1024


def open_listener(host: str, port: int | None, *, remembered: int | None, default: int) -> socket.socket:
    """A listening socket. A port somebody asked for (or the default) must be free; one that was only remembered for
    port 0 gives way to any free one."""
    if port == 0:
        if remembered:
            try:
                return _listen(host, remembered)
            except PortRefused:
                pass
        return _listen(host, 0)
    return _listen(host, port or remembered or default)


def choose_gateway_port(host: str, port: int | None, *, remembered: int | None, default: int, is_ours: bool) -> int:
    """The port for the gateway, by the same rules; `is_ours`: a living gateway of this data directory holds the
    remembered one."""
    if port == 0:
        if remembered and (is_ours or _is_free(host, remembered)):
            return remembered
        with _listen(host, 0) as probe:
            return int(probe.getsockname()[1])
    chosen = port or remembered or default
    if not (is_ours and chosen == remembered) and not _is_free(host, chosen):
        raise PortRefused(
            f"Port {chosen} on {host} is in use, so the gateway cannot listen there; "
            "choose another with --gateway-port (0 takes any free one)."
        )
    return chosen


def format_url(scheme: str, host: str, port: int) -> str:
    """The address to call from this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"{scheme}://[{name}]:{port}" if ":" in name else f"{scheme}://{name}:{port}"


# --- private


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise PortRefused(
            f"'{host}' is not an address of this machine ({error.strerror}); choose another --host."
        ) from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise PortRefused(_explain(error, host, port)) from None
    return listener


def _is_free(host: str, port: int) -> bool:
    try:
        _listen(host, port).close()
    except PortRefused:
        return False
    return True


def _explain(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use; choose another with --port (0 takes any free one)."
    if error.errno == errno.EACCES:
        return f"This user may not listen on port {port}; choose one above 1023 with --port."
    return f"Cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}; choose another --host or --port."
