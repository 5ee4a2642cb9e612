"""The end of an answer that breaks off. Used by streams.py.

Granian can end a streamed answer only as if it were whole. A client must be able to tell, so its connection is shut
under granian's hands, as the reference server closes it. Of HTTP/2 connections, which other requests share, none is.
"""

import os
import socket


def cut_connection(client: str) -> bool:
    """Shut the connection of this process whose other end is `client` (`127.0.0.1:50000`); whether there was one."""
    host, _, port = client.rpartition(":")
    for name in os.listdir("/dev/fd"):
        try:
            own = os.dup(int(name))
        except OSError:
            continue
        try:
            connection = socket.socket(fileno=own)
        except OSError:  # a file, a pipe
            os.close(own)
            continue
        with connection:
            if _find_peer(connection) == (host.strip("[]"), port):
                connection.shutdown(socket.SHUT_RDWR)
                return True
    return False


# --- private


def _find_peer(connection: socket.socket) -> tuple[str, str] | None:
    try:
        host, port = connection.getpeername()[:2]
    except (OSError, ValueError):  # not connected, or no address of that form
        return None
    return str(host), str(port)
