"""What a server cannot start with: one clear sentence, exit status 1, and nothing left behind."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.teal import FREE_PORTS, TealServer, teal_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TealServer]:
    with teal_server(tmp_path) as server:
        yield server


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield int(taken.getsockname()[1])


def refuse(server: TealServer, *words: str) -> str:
    """The one sentence with which `teal up` refuses."""
    done = server.teal("up", *words)
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    assert not server.said
    assert server.list_processes() == []
    sentence = done.stderr.strip()
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    return sentence


def test_a_taken_port_is_named_with_the_way_out(server: TealServer, taken_port: int) -> None:
    words = ("--port", str(taken_port), "--gateway-port", "0")
    sentence = refuse(server, *words)
    assert f"Port {taken_port}" in sentence
    assert "--port" in sentence
    assert refuse(server, "--detach", *words) == sentence


def test_a_taken_gateway_port_is_named_with_the_way_out(server: TealServer, taken_port: int) -> None:
    sentence = refuse(server, "--port", "0", "--gateway-port", str(taken_port))
    assert str(taken_port) in sentence
    assert "--gateway-port" in sentence


def test_an_address_of_another_machine_is_refused(server: TealServer) -> None:
    assert "--host" in refuse(server, *FREE_PORTS, "--host", "203.0.113.7")


def test_a_data_directory_of_a_newer_version_is_refused(server: TealServer) -> None:
    server.data_dir.mkdir()
    (server.data_dir / "version").write_text("99\n")
    assert "newer version" in refuse(server, *FREE_PORTS)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_data_directory_of_another_user_is_refused(server: TealServer) -> None:
    server.data_dir.mkdir()
    os.chown(server.data_dir, 65534, 65534)
    try:
        assert "belongs to the user" in refuse(server, *FREE_PORTS)
    finally:
        os.chown(server.data_dir, 0, 0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(server: TealServer, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        assert "may not write" in refuse(server, *FREE_PORTS)
    finally:
        tmp_path.chmod(0o700)


def test_a_file_in_the_place_of_the_data_directory_is_refused(server: TealServer) -> None:
    server.data_dir.write_text("a file")
    assert "a file in its place" in refuse(server, *FREE_PORTS)
    server.data_dir.unlink()


def test_a_damaged_database_is_told_and_kept(server: TealServer) -> None:
    server.data_dir.mkdir()
    (server.data_dir / "teal.db").write_bytes(b"not a database" * 1000)
    assert "damaged" in refuse(server, *FREE_PORTS)
    assert (server.data_dir / "teal.db").read_bytes().startswith(b"not a database")


def test_a_full_disk_is_told_and_what_serves_goes_on(server: TealServer) -> None:
    server.up()
    server.kill_control_plane()
    # No file may grow, or grow beyond some blocks, for the command and for all that it starts; a full disk looks the
    # same to them, and each size ends another step of the start: taking the lock, opening the store.
    for blocks, words in ((0, ()), (0, ("--detach",)), (1, ("--detach",))):
        done = server.run("sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh", *server.command("up", *words))
        assert done.returncode == 1, done.stdout
        assert done.stdout == ""
        # SQLite says no more of a file that may not grow than of any other it cannot write.
        assert ("cannot read or write" if blocks else "no room left on the disk") in done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert server.envoy_pid is not None
        assert "was killed" in server.teal("status").stderr
    assert server.up()


@pytest.mark.parametrize(("name", "value"), [("TEAL_PORT", "abc"), ("TEAL_WORKSPACES", "some"), ("TEAL_DRAIN_S", "-1")])
def test_a_setting_that_means_nothing_is_refused_by_name(server: TealServer, name: str, value: str) -> None:
    server.environ[name] = value
    assert name in refuse(server)
    server.environ.pop(name)
