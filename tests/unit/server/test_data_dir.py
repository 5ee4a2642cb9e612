"""The data directory: who may have it, and what happens when the disk or somebody else is in the way."""

import errno
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from teal.server.data_dir import MAX_RUN_DIR_BYTES, DataDir
from teal.server.errors import DataDirInUse, DataDirRefused


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    data = DataDir(tmp_path / "data")
    data.prepare()
    return data


def test_preparing_again_changes_nothing(data: DataDir) -> None:
    token = data.ensure_token()
    data.prepare()
    assert data.ensure_token() == token
    assert stat.S_IMODE(data.token_file.stat().st_mode) == 0o600


def test_a_directory_that_others_could_read_is_closed(data: DataDir) -> None:
    data.path.chmod(0o755)
    data.prepare()
    assert stat.S_IMODE(data.path.stat().st_mode) == 0o700


def test_only_one_has_it_at_a_time(data: DataDir) -> None:
    with data.locked():
        found = data.find_server_process()
        assert found is not None
        assert found.pid == os.getpid()
        with pytest.raises(DataDirInUse), DataDir(data.path).locked():
            pass
    assert data.find_server_process() is None
    with data.locked():
        pass


def test_a_number_that_belongs_to_another_process_now_is_no_server(data: DataDir) -> None:
    (data.path / "server.lock").write_text(json.dumps({"pid": os.getpid(), "created": 1.0}))
    assert data.find_server_process() is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x", "created": 1}', '{"pid": 1}'])
def test_a_half_written_file_names_nobody(data: DataDir, text: str) -> None:
    (data.path / "server.lock").write_text(text)
    data.server_file.write_text(text)
    assert data.find_server_process() is None
    assert isinstance(data.load_server(), dict)


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "no room left"), (errno.EROFS, "may not write"), (errno.EIO, "cannot be used")],
)
def test_a_disk_that_refuses_is_told_in_one_sentence(
    data: DataDir, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number), "token")

    monkeypatch.setattr("teal.server.private_files.os.fsync", refuse)
    with pytest.raises(DataDirRefused, match=words):
        data.ensure_token()
    monkeypatch.undo()
    assert [path.name for path in data.path.iterdir() if "token" in path.name] == []
    assert data.ensure_token()


def test_sockets_lie_in_the_data_directory_when_its_path_is_short(data: DataDir) -> None:
    run_dir = data.ensure_run_dir()
    assert data.ensure_run_dir() == run_dir == data.find_run_dir()
    assert (run_dir.parent == data.path) is (len(os.fsencode(data.path / "run")) <= MAX_RUN_DIR_BYTES)


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary directory whose own path is short."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        monkeypatch.setattr("teal.server.data_dir.tempfile.gettempdir", lambda: folder)
        yield Path(folder)


def test_sockets_of_a_long_path_lie_in_a_private_folder_that_is_remembered(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = DataDir(tmp_path / ("x" * 100))
    data.prepare()
    run_dir = data.ensure_run_dir()
    assert run_dir.parent == temporary
    assert stat.S_IMODE(run_dir.stat().st_mode) == 0o700
    monkeypatch.setattr("teal.server.data_dir.tempfile.gettempdir", lambda: "/nowhere")
    assert data.ensure_run_dir() == run_dir


def test_sockets_find_a_place_also_where_the_temporary_directorys_path_is_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("teal.server.data_dir.tempfile.gettempdir", lambda: str(tmp_path / ("y" * 80)))
    data = DataDir(tmp_path / ("x" * 100))
    data.prepare()
    run_dir = data.ensure_run_dir()
    try:
        assert len(os.fsencode(run_dir)) <= MAX_RUN_DIR_BYTES
    finally:
        data.remove_short_run_dir()
    assert not run_dir.exists()


def test_a_folder_that_others_could_have_put_there_is_not_used(tmp_path: Path, temporary: Path) -> None:
    data = DataDir(tmp_path / ("x" * 100))
    data.prepare()
    run_dir = data.ensure_run_dir()
    assert run_dir.parent == temporary
    run_dir.chmod(0o777)
    with pytest.raises(DataDirRefused, match="not private"):
        data.ensure_run_dir()


def test_ports_are_remembered(data: DataDir) -> None:
    assert data.load_ports() == {}
    data.save_ports(port=1, gateway_port=2)
    assert data.load_ports() == {"port": 1, "gateway_port": 2}
