"""Which ports a server takes: asked for, remembered, default, or any free one."""

import socket
from collections.abc import Iterator

import pytest

from teal.server.errors import PortRefused
from teal.server.ports import choose_gateway_port, format_url, open_listener
from tests.harness.ports import free_port

HOST = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def listen(port: int | None, *, remembered: int | None = None, default: int = 0) -> int:
    with open_listener(HOST, port, remembered=remembered, default=default) as listener:
        return int(listener.getsockname()[1])


def test_a_port_is_the_one_asked_for_else_remembered_else_default() -> None:
    one, two, three = free_port(), free_port(), free_port()
    assert listen(one, remembered=two, default=three) == one
    assert listen(None, remembered=two, default=three) == two
    assert listen(None, default=three) == three
    assert listen(0, remembered=two, default=three) == two
    assert listen(0, default=three) > 0


def test_only_port_0_gives_way_to_another(taken: int) -> None:
    assert listen(0, remembered=taken) not in (0, taken)
    for port, remembered, default in ((taken, None, 0), (None, taken, 0), (None, None, taken)):
        with pytest.raises(PortRefused, match=f"Port {taken} on {HOST} is in use"):
            listen(port, remembered=remembered, default=default)


def test_the_port_of_a_living_gateway_is_kept(taken: int) -> None:
    other = free_port()
    assert choose_gateway_port(HOST, 0, remembered=taken, default=1, is_ours=True) == taken
    assert choose_gateway_port(HOST, None, remembered=taken, default=1, is_ours=True) == taken
    assert choose_gateway_port(HOST, taken, remembered=taken, default=1, is_ours=True) == taken
    assert choose_gateway_port(HOST, other, remembered=taken, default=1, is_ours=True) == other
    assert choose_gateway_port(HOST, 0, remembered=taken, default=1, is_ours=False) not in (0, taken)
    assert choose_gateway_port(HOST, None, remembered=None, default=other, is_ours=False) == other
    assert choose_gateway_port(HOST, None, remembered=other, default=1, is_ours=False) == other


def test_a_gateway_port_that_somebody_else_has_is_refused_before_anything_is_started(taken: int) -> None:
    for port, remembered in ((taken, None), (None, taken)):
        with pytest.raises(PortRefused, match=f"Port {taken} .*--gateway-port"):
            choose_gateway_port(HOST, port, remembered=remembered, default=1, is_ours=False)


def test_a_wildcard_is_called_by_the_loopback_address() -> None:
    assert format_url("http", "0.0.0.0", 1) == "http://127.0.0.1:1"
    assert format_url("https", "::", 1) == "https://[::1]:1"
    assert format_url("https", "models.example", 443) == "https://models.example:443"


def test_an_address_nobody_knows_is_refused() -> None:
    with pytest.raises(PortRefused, match="--host"):
        open_listener("no such host", 0, remembered=None, default=0)
