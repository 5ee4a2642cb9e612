"""What is said to an Envoy that starts, and how far it is from one that runs; real Envoys take sockets over in
tests/feature/test_gateway_restart.py."""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from teal.gateway.errors import EnvoyNotStarted, PortTaken
from teal.gateway.handover import Lender, Meeting, ask_back, can_lend, open_listening

pytestmark = pytest.mark.skipif(not can_lend(), reason="no Envoy of this system takes a socket")

PASS = b"\x0a\x19\x0a\x17\x0a\x15tcp://127.0.0.1:"
SHUT_DOWN_ADMIN = b"\x0a\x02\x12\x00"
DRAIN_LISTENERS = b"\x0a\x02\x22\x00"


class Child:
    """An Envoy that starts, as far as its messages go."""

    def __init__(self, meeting: Meeting) -> None:
        self._parent = str(meeting.path("parent", 0))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(meeting.path("child", 1)))
        self._socket.settimeout(5)

    async def ask(self, message: bytes) -> tuple[bytes, list[int]]:
        self._socket.sendto(struct.pack(">Q", len(message)) + message, self._parent)
        data, passed, _, _ = await asyncio.to_thread(socket.recv_fds, self._socket, 4096, 1)
        return data[8:], passed

    def tell(self, message: bytes) -> None:
        self._socket.sendto(struct.pack(">Q", len(message)) + message, self._parent)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listening() -> socket.socket:
    return open_listening("127.0.0.1", 0)


@pytest.fixture
async def child(short_folder: Path, listening: socket.socket) -> AsyncIterator[Child]:
    meeting = Meeting(short_folder, 1)
    lender = Lender(meeting, listening)
    lender.open(is_new=True)
    child = Child(meeting)
    assert meeting.memory.exists()
    yield child
    child.close()
    lender.close()
    listening.close()
    meeting.clear()
    assert not meeting.memory.exists()
    assert os.listdir(short_folder) == []


async def test_the_socket_is_passed_to_who_asks_for_its_address(child: Child, listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    answer, passed = await child.ask(PASS + str(port).encode())
    assert answer == b"\x12\x04\x0a\x02\x08\x01"
    with socket.socket(fileno=passed[0]) as same:
        assert same.getsockname() == listening.getsockname()


async def test_for_another_address_there_is_no_socket(child: Child, listening: socket.socket) -> None:
    for closed in (False, True):
        port = listening.getsockname()[1] if closed else 1
        if closed:
            listening.close()
        answer, passed = await child.ask(PASS + f"{port:05}".encode())
        assert (answer[:5], passed) == (b"\x12\x0d\x0a\x0b\x08", [])


async def test_other_questions_are_answered_and_orders_are_not(child: Child) -> None:
    child.tell(DRAIN_LISTENERS)
    child.tell(b"")
    assert await child.ask(SHUT_DOWN_ADMIN) == (b"\x12\x02\x12\x00", [])


async def test_who_does_not_run_gives_nothing_back(short_folder: Path) -> None:
    assert await ask_back(Meeting(short_folder, 7), "::1", 80) is None
    assert os.listdir(short_folder) == []


def test_a_port_in_use_and_an_address_of_somebody_else_are_said(listening: socket.socket) -> None:
    with listening, pytest.raises(PortTaken):
        open_listening("127.0.0.1", listening.getsockname()[1])
    with pytest.raises(EnvoyNotStarted, match="cannot listen on 203"):
        open_listening("203.0.113.1", 1)
