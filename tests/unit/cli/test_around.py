"""What published scripts call around `az ml`: it answers, and says when there is nothing to do."""

from pathlib import Path

import httpx
import pytest

from teal.cli.elsewhere import SENTENCES
from tests.harness.arm import WORKSPACE, Arm
from tests.unit.cli.conftest import Teal


def test_login_and_extensions_have_nothing_to_do(teal: Teal) -> None:
    login = teal("login", "--service-principal", "-u", "u", "-p", "p", "--tenant", "t")
    assert (login.status, login.json[0]["isDefault"]) == (0, True)
    assert "nothing to log in to" in login.err
    for words in (
        ("extension", "add", "-n", "ml", "-y"),
        ("extension", "add", "--source", "https://x.test/ml.whl", "--yes"),
        ("extension", "update", "--name", "ml"),
        ("extension", "remove", "-n", "azure-cli-ml"),
        ("logout",),
    ):
        said = teal(*words)
        assert (said.status, said.out) == (0, ""), words
    assert teal("upgrade", "--yes", "--all").status == 0
    assert teal("version", "--query", "extensions.ml").json == teal("version", "--query", "teal").json
    assert teal("extension", "list", "-o", "tsv", "--query", "[].name").out == "ml\n"
    assert teal("extension", "show", "-n", "ml").json["name"] == "ml"


def test_the_token_for_rest_calls(arm: Arm, teal: Teal) -> None:
    words = ("account", "get-access-token", "--resource", "https://ml.azure.com", "--query", "accessToken", "-o", "tsv")
    assert teal(*words).out == "secret\n"
    assert teal("account", "list", "-o", "tsv", "--query", "[].state").out == "Enabled\n"


def test_settings_by_section(teal: Teal) -> None:
    assert teal("config", "set", "defaults.workspace=ws", "core.display_region_identified=no").status == 0
    assert teal("config", "get", "--query", "defaults[?name == 'workspace'].value", "-o", "tsv").out == "ws\n"
    assert teal("config", "get", "defaults.workspace").json["value"] == "ws"
    assert [each["name"] for each in teal("config", "get", "core").json] == ["display_region_identified"]
    assert teal("configure", "-l", "--query", "[?name=='workspace'].value | [0]", "-o", "tsv").out == "ws\n"
    assert teal("config", "unset", "defaults.workspace").status == 0
    for words in (("set", "a"), ("set", "a=b"), ("unset", "a"), ("get", "none")):
        assert teal("config", *words).status == 1, words


def test_defaults_nobody_has_set_are_shown_as_commands_go_by_them(teal: Teal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert teal("configure", "-l").json == [
        {"name": "group", "source": "default", "value": "teal"},
        {"name": "location", "source": "default", "value": "local"},
        {"name": "workspace", "source": "default", "value": "default"},
    ]
    teal("configure", "--defaults", "location=eastus")
    assert teal("configure", "-l", "--query", "[?name=='location'].value", "-o", "tsv").out == "eastus\n"
    assert teal("config", "get", "--query", "defaults[?name == 'group'].value", "-o", "tsv").out == "teal\n"
    assert teal("config", "get", "defaults.workspace", "--query", "value").json == "default"
    assert teal("config", "get", "defaults.none").status == 1
    monkeypatch.setenv("AZUREML_ARM_WORKSPACE_NAME", "of-the-shell")
    assert teal("configure", "-l", "--query", "[?name=='workspace'].value", "-o", "tsv").out == "of-the-shell\n"


def test_the_output_format_can_be_set_for_good(teal: Teal) -> None:
    teal("config", "set", "core.output=tsv")
    assert teal("version", "--query", "teal").out.strip().count('"') == 0


def test_groups_are_names(arm: Arm, teal: Teal) -> None:
    teal("configure", "--defaults", "group=g", "location=eastus")
    assert teal("group", "show", "--query", "location", "-o", "tsv").out == "eastus\n"
    assert teal("group", "show", "--name", "other", "--query", "name", "-o", "tsv").out == "other\n"
    assert "nothing to create" in teal("group", "create", "-n", "g", "-l", "eastus").err
    assert teal("group", "exists", "-n", "g").out == "true\n"
    assert teal("group", "list", "--query", "[].name", "-o", "tsv").out == "g\nteal\n"
    assert "nothing to delete" in teal("group", "delete", "-n", "g", "--yes").err
    full = teal("group", "delete", "-n", "teal", "-y")
    assert (full.status, "workspaces default. `teal workspace delete -g teal -n default" in full.err) == (1, True)


def test_workspaces(arm: Arm, teal: Teal) -> None:
    made = teal("workspace", "create", "--name", "default", "--location", "x", "--tags", "a=b")
    assert made.json["name"] == "default"
    assert arm.sent("PUT", "/workspaces/default") == [{"location": "x", "tags": {"a": "b"}, "properties": {}}]
    assert teal("ml", "workspace", "show", "--query", "container_registry", "-o", "tsv").out.strip() == ""
    assert teal("workspace", "show", "-n", "default", "-o", "table").out.split()[-3:] == ["default", "teal", "local"]
    assert teal("workspace", "list", "--query", "[].name", "-o", "tsv").out == "default\n"
    assert teal("workspace", "delete", "-n", "default").status == 1
    assert teal("workspace", "delete", "-n", "default", "--yes").status == 0
    assert arm.requests[-1].method == "DELETE"


def test_networks_are_not_there_and_that_is_said(arm: Arm, teal: Teal) -> None:
    made = teal("workspace", "create", "-n", "default", "-m", "allow_only_approved_outbound")
    assert made.json["name"] == "default"
    assert "--managed-network is not used: there are no networks here" in made.err
    assert "Nothing to provision" in teal("ml", "workspace", "provision-network", "-n", "default").err


def test_a_workspace_with_its_endpoints(arm: Arm, teal: Teal) -> None:
    teal("online-endpoint", "create", "--name", "e")
    assert teal("workspace", "delete", "-n", "default", "--all-resources", "-y").status == 0
    assert [r.url.path.rpartition("/")[2] for r in arm.requests if r.method == "DELETE"] == ["e", "default"]


def test_computes(arm: Arm, teal: Teal) -> None:
    path = f"{WORKSPACE}/computes/local"
    properties = {"computeType": "Local", "provisioningState": "Succeeded", "properties": {}}
    arm.resources[path] = {"id": path, "name": "local", "location": "local", "properties": properties}
    assert teal("compute", "show", "-n", "local").json["type"] == "local"
    assert teal("ml", "compute", "list", "--query", "[].name", "-o", "tsv").out == "local\n"
    assert teal("compute", "list", "--type", "kubernetes").json == []


def test_files_for_rest_calls(arm: Arm, teal: Teal, tmp_path: Path) -> None:
    for name in ("a.pkl", "deep/b.txt"):
        (tmp_path / "model" / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / "model" / name).write_text(name)
    words = ("storage", "blob", "upload-batch", "-s", "model", "-d")
    said = teal(*words, "azureml/models/m/", "--account-name", "acct", "--overwrite", "true", "--auth-mode", "login")
    assert [each["Blob"].rpartition("/azureml/")[2] for each in said.json] == ["models/m/a.pkl", "models/m/deep/b.txt"]
    assert {path.rpartition("/azureml/")[2]: content for path, content in arm.blobs.items()} == {
        "models/m/a.pkl": b"a.pkl",
        "models/m/deep/b.txt": b"deep/b.txt",
    }
    assert len(teal(*words, "azureml", "--destination-path", "x", "--pattern", "*.txt").json) == 1
    assert "/azureml/x/deep/b.txt" in list(arm.blobs)[-1]
    other = teal(*words, "mine")
    assert (other.status, "--destination azureml" in other.err) == (1, True)
    assert teal(*words[:-2], "none", "-d", "azureml").status == 1
    assert teal(*words, "azureml", "--pattern", "*.none").status == 1


@pytest.mark.parametrize("words", SENTENCES)
def test_what_there_is_not_is_said_in_a_sentence(teal: Teal, words: tuple[str, ...]) -> None:
    for start in ((), ("ml",)):
        said = teal(*start, *words, "create", "--name", "x")
        assert (said.status, said.out) == (2, "")
        assert said.err.startswith(f"ERROR: '{' '.join(words)}' is not offered: ")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["online-endpoint", "create", "-n", "x1", "--local"], "--local is not offered yet"),
        (["online-deployment", "create", "-f", "x.yml", "--vscode-debug"], "--vscode-debug is not offered yet"),
        (["online-deployment", "create", "-f", "x.yml", "--package-model"], "--package-model is not offered yet"),
        (["model", "list", "--registry-name", "r"], "--registry-name is not offered yet"),
    ],
)
def test_flags_there_are_not_yet_are_said_in_a_sentence(teal: Teal, words: list[str], says: str) -> None:
    said = teal(*words)
    assert (said.status, said.out) == (2, "")
    assert says in said.err


@pytest.mark.parametrize(
    ("verb", "told"), [("update", "`teal online-endpoint show` tells"), ("list", "Interrupted.\n")]
)
def test_an_interrupt_is_told_in_a_sentence(
    arm: Arm, teal: Teal, monkeypatch: pytest.MonkeyPatch, verb: str, told: str
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(httpx.Client, "request", interrupt)
    words = ("-n", "e", "--traffic", "blue=100") if verb == "update" else ()
    said = teal("online-endpoint", verb, *words)
    assert (said.status, said.out) == (130, "")
    assert told in said.err
    assert len(said.err.splitlines()) == 1
