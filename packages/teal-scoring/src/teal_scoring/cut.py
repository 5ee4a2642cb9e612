"""The end of an answer that breaks off. Used by streams.py.

Granian can end a streamed answer only as if it were whole. A client must be able to tell, so its connection is shut
under granian's hands, as the reference server closes it. Of HTTP/2 connections, which other requests share, none is.
"""

import contextlib
import os
import socket
import stat
from collections.abc import Iterator


def cut_connection(client: str) -> bool:
    """Shut the connection of this process whose other end is `client` (`127.0.0.1:50000`); whether there was one."""
    host, _, port = client.rpartition(":")
    for own in _copy_sockets():
        with socket.socket(fileno=own) as connection:
            if _find_peer(connection) == (host.strip("[]"), port):
                connection.shutdown(socket.SHUT_RDWR)
                return True
    return False


# --- private


def _copy_sockets() -> Iterator[int]:
    """Copies of the sockets that may be granian's, which never block.

    Nothing else is touched: to close the copy of a file would end the locks that the script holds on it (close(2)), and
    with a default timeout Python makes every socket that it is given one that does not block.
    """
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):  # closed meanwhile
            descriptor = int(name)
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode) and not os.get_blocking(descriptor):
                yield os.dup(descriptor)


def _find_peer(connection: socket.socket) -> tuple[str, str] | None:
    try:
        host, port = connection.getpeername()[:2]
    except (OSError, ValueError):  # not connected, or no address of that form
        return None
    return str(host), str(port)
