"""A server's life as people see it: up, status, down, in the foreground and detached, more than once."""

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.harness.teal import FREE_PORTS, READY_WITHIN_S, TealServer, teal_server
from tests.harness.waiting import wait_until_sync


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TealServer]:
    with teal_server(tmp_path) as server:
        yield server


def test_up_serves_until_interrupted_and_leaves_nothing(server: TealServer) -> None:
    said = server.up()
    process = server.process
    assert process is not None
    for word in (said["url"], said["gateway_url"], str(server.data_dir), "teal online-endpoint list"):
        assert word in process.output
    with server.client() as client:
        assert client.get("/subscriptions").json() == {"value": []}
    assert httpx.get(f"{said['gateway_url']}/endpoints/none/score").status_code == 404
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert not server.said
    assert server.list_processes() == []
    assert server.teal("status").returncode == 3


def test_a_second_up_says_that_it_runs_already(server: TealServer) -> None:
    said = server.up()
    for words in ((), ("--detach",), ("--port", "0")):
        again = server.teal("up", *words)
        assert again.returncode == 0, again.stderr
        assert f"running already (process {said['pid']})" in again.stdout
        assert said["url"] in again.stdout


def test_of_two_that_start_at_once_one_says_that_it_runs_already(server: TealServer) -> None:
    first = server.start("--detach", *FREE_PORTS)
    second = server.teal("up", "--detach", *FREE_PORTS)
    assert second.returncode == 0, second.stderr
    assert first.wait(60) == 0, first.output
    said = server.said
    assert sorted("running already" in each for each in (first.output, second.stdout)) == [False, True]
    assert said["url"] in first.output
    assert said["url"] in second.stdout


def test_what_is_printed_for_the_shell_is_quoted(tmp_path: Path) -> None:
    folder = tmp_path / "with $pace"
    with teal_server(folder.parent) as server:
        server.data_dir = folder
        server.environ["TEAL_DATA_DIR"] = str(folder)
        out = server.must("up", "--detach", *FREE_PORTS)
        assert f"export TEAL_DATA_DIR='{folder}'" in out
        assert f"teal down --data-dir '{folder}'" in out


def test_a_detached_server_runs_on_until_down(server: TealServer) -> None:
    out = server.must("up", "--detach", *FREE_PORTS)
    said = server.said
    assert said["url"] in out
    assert os.getpgid(said["pid"]) != os.getpgid(0)
    status = server.must("status")
    assert said["gateway_url"] in status
    assert "Stopped the server" in server.must("down")
    assert server.list_processes() == []
    assert "No Teal server is running" in server.must("down")


def test_a_restarted_server_is_found_where_it_was(server: TealServer) -> None:
    first = server.up()
    token = (server.data_dir / "token").read_text()
    ca = (server.data_dir / "ca.pem").read_text()
    server.must("down")
    for words in ((), FREE_PORTS):
        again = server.up(*words)
        assert (again["url"], again["gateway_url"]) == (first["url"], first["gateway_url"])
        server.must("down")
    assert (server.data_dir / "token").read_text() == token
    assert (server.data_dir / "ca.pem").read_text() == ca


def test_nobody_else_may_read_the_data_directory(server: TealServer) -> None:
    server.up()
    assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
    for name in ("token", "ca.key", "server.key", "secret.key", "server.json"):
        assert stat.S_IMODE((server.data_dir / name).stat().st_mode) == 0o600, name


def test_two_servers_live_side_by_side(server: TealServer, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    with teal_server(tmp_path / "second") as second:
        assert server.up()["url"] != second.up()["url"]


def test_a_long_data_directory_is_no_hindrance(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 20) / ("longer" * 10)
    folder.mkdir(parents=True)
    with teal_server(folder) as server:
        server.must("up", "--detach", *FREE_PORTS)
        run_dir = Path((server.data_dir / "run_dir").read_text().strip())
        assert len(str(run_dir)) < 80
        assert stat.S_IMODE(run_dir.stat().st_mode) == 0o700
        server.must("down")
        assert not run_dir.exists()
        said = server.up()
        assert Path((server.data_dir / "run_dir").read_text().strip()) == run_dir
        envoy = server.envoy_pid
        assert envoy is not None
        server.must("down", "--keep-serving")
        server.up()
        assert server.envoy_pids == [envoy]
        server.kill_control_plane()
        assert said["gateway_url"]
        assert "the gateway" in server.must("down")
        assert not run_dir.exists()


def test_a_server_that_is_still_starting_is_stopped(server: TealServer) -> None:
    for moment in ("locked", "logging", "listening"):
        process = server.start()
        begun = {
            "locked": lambda: (server.data_dir / "server.lock").exists(),
            "logging": lambda: (server.data_dir / "logs" / "server.log").exists(),
            "listening": lambda: bool(server.envoy_pid),
        }[moment]
        wait_until_sync(begun, READY_WITHIN_S, every_s=0.002)
        down = server.teal("down")
        assert down.returncode == 0, (moment, down.stderr)
        assert "Stopped the server" in down.stdout, (moment, down.stdout)
        process.wait(20)
        assert server.list_processes() == [], moment
        for name in ("server.lock", "logs/server.log"):
            (server.data_dir / name).unlink(missing_ok=True)


def test_what_nothing_refers_to_is_dropped_at_the_next_start(server: TealServer) -> None:
    server.up()
    with server.client() as client:
        for content in (b"one", b"two"):
            client.put("/azblob/azureml/file", content=content, headers={"x-ms-blob-type": "BlockBlob"})
    objects = server.data_dir / "blobs" / "objects"
    assert len(list(objects.glob("*/*"))) == 2
    server.must("down")
    server.up()
    (left,) = objects.glob("*/*")
    assert left.read_bytes() == b"two"
