import json
from pathlib import Path

import pytest

from teal.sdk import MLClient, NotRunning
from teal.sdk.addresses import find_server
from teal.sdk.scopes import load_scope


def test_arguments_win_over_the_environment_and_it_over_the_data_directory(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text(json.dumps({"url": "https://127.0.0.1:1"}))
    (tmp_path / "token").write_text("from-file\n")
    (tmp_path / "ca.pem").write_text("")
    here = {"TEAL_DATA_DIR": str(tmp_path)}
    there = {**here, "TEAL_URL": "https://elsewhere:2/", "TEAL_TOKEN": "from-env", "TEAL_CA": "/ca"}

    found = find_server(environ=here)
    assert (found.url, found.token, found.ca, found.local) == (
        "https://127.0.0.1:1",
        "from-file",
        tmp_path / "ca.pem",
        True,
    )
    found = find_server(environ=there)
    assert (found.url, found.token, found.ca, found.local) == ("https://elsewhere:2", "from-env", Path("/ca"), False)
    found = find_server(url="https://given:3", token="given", environ=there)
    assert (found.url, found.token) == ("https://given:3", "given")


def test_the_token_is_not_shown(tmp_path: Path) -> None:
    assert "s3cret" not in repr(find_server(url="https://x", token="s3cret", environ={}))


def test_no_server_is_one_sentence_that_says_teal_up(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="No Teal server is running in") as raised:
        find_server(environ={"TEAL_DATA_DIR": str(tmp_path)})
    assert "teal up" in str(raised.value.hint)


def test_a_broken_server_file_says_how_to_mend_it(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text("{")
    with pytest.raises(NotRunning, match="not readable") as raised:
        find_server(environ={"TEAL_DATA_DIR": str(tmp_path)})
    assert "teal down" in str(raised.value.hint)


def test_nobody_answering_is_one_sentence_that_says_teal_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.harness.ports import free_port

    monkeypatch.setenv("TEAL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TEAL_CONFIG_DIR", str(tmp_path))
    for name in ("TEAL_URL", "TEAL_TOKEN", "TEAL_CA"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "server.json").write_text(json.dumps({"url": f"http://127.0.0.1:{free_port()}"}))
    with MLClient() as client, pytest.raises(NotRunning, match="No Teal server answers at") as raised:
        client.workspaces.get()
    assert raised.value.hint == "Start it with `teal up`."


def test_the_workspace_is_what_is_given_else_the_default_else_the_first(tmp_path: Path) -> None:
    environ = {"TEAL_CONFIG_DIR": str(tmp_path)}
    assert load_scope(environ=environ).id.endswith(
        "/resourceGroups/teal/providers/Microsoft.MachineLearningServices/workspaces/default"
    )
    passed_on = {**environ, "AZUREML_ARM_WORKSPACE_NAME": "shell", "AZUREML_ARM_SUBSCRIPTION": "s"}
    assert load_scope(environ=passed_on).id.startswith("/subscriptions/s/resourceGroups/teal/")
    assert load_scope(environ=passed_on).workspace == "shell", "as `teal env --workspace-name shell` has said"
    (tmp_path / "config").write_text("[defaults]\nworkspace = mine\ngroup = ours%x\n")
    assert load_scope(environ=passed_on).workspace == "mine"
    scope = load_scope(workspace="given", environ=environ)
    assert (scope.group, scope.workspace) == ("ours%x", "given")
