"""Connections to an instance are counted whoever holds them, but for the control plane's own: it only probes."""

import socket
import subprocess
import sys

import pytest

from teal.gateway.local_connections import count_connections

CONNECT = (
    "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); print(flush=True); input()"
)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
def test_connections_of_other_processes_to_these_ports_are_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as instance, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [each.getsockname()[1] for each in (instance, other)]
        words = [sys.executable, "-c", CONNECT, str(ports[0])]
        with (
            socket.create_connection(("127.0.0.1", ports[0])),
            subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
        ):
            assert process.stdout is not None
            process.stdout.readline()
            assert count_connections(frozenset(ports)) == {ports[0]: 1}
            assert count_connections(frozenset(ports[1:])) == {}
