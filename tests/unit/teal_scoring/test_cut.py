"""What shutting one connection leaves alone."""

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from teal_scoring.cut import cut_connection

NOBODY = "127.0.0.1:1"
TAKE_LOCK = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"


@pytest.fixture
def default_timeout() -> Iterator[None]:
    socket.setdefaulttimeout(5)
    yield
    socket.setdefaulttimeout(None)


def test_only_the_connection_of_that_client_is_shut() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname(), timeout=20) as client,
        listener.accept()[0] as own,
    ):
        own.setblocking(False)  # as granian's
        host, port = client.getsockname()
        assert not cut_connection(NOBODY)
        assert cut_connection(f"{host}:{port}")
        assert client.recv(1) == b""


def test_the_script_keeps_the_locks_on_its_files(tmp_path: Path) -> None:
    with (tmp_path / "own.db").open("w+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        cut_connection(NOBODY)
        taken = subprocess.run([sys.executable, "-c", TAKE_LOCK, file.name], capture_output=True, check=False)
        assert b"BlockingIOError" in taken.stderr


@pytest.mark.usefixtures("default_timeout")
def test_the_scripts_sockets_still_block() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.settimeout(None)
        cut_connection(NOBODY)
        assert os.get_blocking(one.fileno())
