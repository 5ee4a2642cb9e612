"""How long `teal down` lets a server finish what it has in hand."""

from pathlib import Path

from teal.server.commands import STOPPING_S, find_patience_s
from teal.server.data_dir import DataDir
from teal.server.settings import load_settings


def test_the_servers_own_drain_time_counts(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    settings = load_settings({}, data_dir=str(tmp_path))
    data.save_server({"drain_s": 120.0})
    assert find_patience_s(settings, data) > 2 * 120


def test_without_a_word_from_the_server_this_shells_setting_counts(tmp_path: Path) -> None:
    settings = load_settings({"TEAL_DRAIN_S": "300"}, data_dir=str(tmp_path))
    assert find_patience_s(settings, DataDir(tmp_path)) == 2 * 300 + STOPPING_S
