"""What `teal env` names: one server, one workspace, and nothing lost that was set before."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

import teal
from teal.sdk.errors import NotRunning
from teal.sdk.exports import build_exports, find_rivals, prepare_exports, write_launcher
from teal.sdk.scopes import Scope
from teal.sdk.trust import load_roots, write_bundle

SCOPE = Scope("sub", "group", "ws")
OURS = "-----BEGIN CERTIFICATE-----\nours\n-----END CERTIFICATE-----\n"
PUBLIC = "-----BEGIN CERTIFICATE-----\npublic\n-----END CERTIFICATE-----\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "a 'folder'"
    folder.mkdir()
    (folder / "server.json").write_text(json.dumps({"url": "https://127.0.0.1:7443"}))
    (folder / "token").write_text("secret\n")
    (folder / "ca.pem").write_text(OURS)
    return folder


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    roots = tmp_path / "roots.pem"
    roots.write_text(PUBLIC)
    return roots


def test_the_variables_lead_to_the_server_and_the_workspace(folder: Path, roots: Path) -> None:
    exports = prepare_exports(SCOPE, folder=folder, environ={"REQUESTS_CA_BUNDLE": str(roots)})
    assert exports["TEAL_DATA_DIR"] == str(folder)
    assert exports["ARM_CLOUD_METADATA_URL"] == "https://127.0.0.1:7443/metadata/endpoints?api-version=2019-05-01"
    assert exports["IDENTITY_ENDPOINT"] == "https://127.0.0.1:7443/msi/token"
    assert exports["IDENTITY_HEADER"] == "secret"
    assert exports["REQUESTS_CA_BUNDLE"] == exports["CURL_CA_BUNDLE"]
    named = [exports[f"AZUREML_ARM_{name}"] for name in ("SUBSCRIPTION", "RESOURCEGROUP", "WORKSPACE_NAME")]
    assert named == ["sub", "group", "ws"]
    assert "PATH" not in exports


def test_the_bundle_holds_our_authority_and_what_was_trusted_before(folder: Path, roots: Path) -> None:
    exports = prepare_exports(SCOPE, folder=folder, environ={"REQUESTS_CA_BUNDLE": str(roots)})
    bundle = Path(exports["REQUESTS_CA_BUNDLE"])
    written = bundle.read_text()
    assert OURS in written
    assert PUBLIC in written
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    # Once more in the same shell: nothing is lost and nothing is there twice.
    assert prepare_exports(SCOPE, folder=folder, environ=exports) == exports
    assert bundle.read_text() == written


def test_the_authority_of_another_server_is_not_carried_along(roots: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.pem"
    theirs.write_text(OURS.replace("ours", "theirs"))
    first = write_bundle(tmp_path / "first.pem", theirs, {"SSL_CERT_FILE": str(roots)})
    assert load_roots({"REQUESTS_CA_BUNDLE": str(first)}) == PUBLIC


def test_without_a_bundle_set_the_public_roots_are_those_of_the_machine() -> None:
    assert "-----BEGIN CERTIFICATE-----" in load_roots({})
    assert load_roots({"SSL_CERT_FILE": "/no/such/file"}) == load_roots({})


def test_an_authority_that_cannot_be_read_is_an_error_of_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="cannot be read"):
        write_bundle(tmp_path / "bundle.pem", tmp_path / "none.pem", {})


def test_no_proxy_is_extended_not_replaced(folder: Path) -> None:
    exports = prepare_exports(SCOPE, folder=folder, environ={"NO_PROXY": "example.org,localhost"})
    assert exports["NO_PROXY"] == "example.org,localhost,127.0.0.1"
    assert exports["no_proxy"] == "127.0.0.1,localhost"


def test_a_folder_named_wins_over_an_address_in_the_environment(folder: Path) -> None:
    environ = {"TEAL_URL": "https://elsewhere.test", "TEAL_TOKEN": "other"}
    exports = prepare_exports(SCOPE, folder=folder, environ=environ)
    assert exports["IDENTITY_HEADER"] == "secret"
    assert (exports["TEAL_URL"], exports["TEAL_TOKEN"]) == ("", "")


def test_a_server_elsewhere_is_named_by_its_address(roots: Path, tmp_path: Path) -> None:
    environ = {"TEAL_URL": "https://teal.test:443/", "TEAL_TOKEN": "t", "TEAL_CA": str(roots)}
    exports = prepare_exports(SCOPE, environ={**environ, "TEAL_DATA_DIR": str(tmp_path / "none")})
    assert exports["ARM_CLOUD_METADATA_URL"].startswith("https://teal.test:443/metadata/")
    assert exports["NO_PROXY"] == "teal.test,127.0.0.1,localhost"
    assert not {"TEAL_DATA_DIR", "TEAL_URL"} & set(exports)


def test_no_server_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="No Teal server is running"):
        prepare_exports(SCOPE, folder=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_the_launcher_is_first_on_the_path_and_is_teal(folder: Path) -> None:
    environ = {"PATH": os.environ["PATH"]}
    exports = prepare_exports(SCOPE, folder=folder, az=True, environ=environ)
    again = prepare_exports(SCOPE, folder=folder, az=True, environ=exports)
    assert exports["PATH"] == again["PATH"] == f"{folder}/clients/bin{os.pathsep}{environ['PATH']}"
    done = subprocess.run(
        ["az", "--version"], env={**os.environ, **exports}, capture_output=True, text=True, check=True, cwd=folder
    )
    assert done.stdout.startswith(f"teal {teal.__version__}")


def test_curl_finds_the_server_under_azures_names_and_keeps_what_it_was_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / ".curlrc").write_text('user-agent = "mine"\n')
    environ = {"HOME": str(tmp_path), "NO_PROXY": "own.test"}
    assert "CURL_HOME" not in prepare_exports(SCOPE, folder=folder, environ=environ)
    exports = prepare_exports(SCOPE, folder=folder, az=True, environ=environ)
    written = Path(exports["CURL_HOME"], ".curlrc").read_text()
    assert 'connect-to = "management.azure.com:443:127.0.0.1:7443"\n' in written
    assert written.endswith('user-agent = "mine"\n')
    assert exports["NO_PROXY"] == "own.test,127.0.0.1,localhost,management.azure.com,ml.azure.com"
    again = prepare_exports(SCOPE, folder=folder, az=True, environ={**environ, **exports})
    assert again == exports
    assert Path(exports["CURL_HOME"], ".curlrc").read_text() == written


@pytest.mark.parametrize(("variable", "file"), [("HOME", ".config/curlrc"), ("XDG_CONFIG_HOME", "curlrc")])
def test_what_curl_was_told_is_kept_wherever_curl_would_find_it(
    folder: Path, tmp_path: Path, variable: str, file: str
) -> None:
    theirs = tmp_path / file
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_text('user-agent = "mine"\n')
    exports = prepare_exports(SCOPE, folder=folder, az=True, environ={variable: str(tmp_path)})
    assert Path(exports["CURL_HOME"], ".curlrc").read_text().endswith('user-agent = "mine"\n')


def test_the_launcher_takes_no_module_from_the_folder_it_is_called_in(tmp_path: Path) -> None:
    (tmp_path / "knack.py").write_text("raise SystemExit('taken from the current folder')\n")
    az = write_launcher(tmp_path / "bin") / "az"
    assert subprocess.run([az, "--version"], cwd=tmp_path, capture_output=True, check=False).returncode == 0


def test_another_identity_that_would_be_asked_first_is_found() -> None:
    principal = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"}
    assert find_rivals(principal) == ["AZURE_CLIENT_SECRET"]
    assert find_rivals({"AZURE_CLIENT_ID": "c"}) == []


def test_a_kernel_sets_them_in_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed: dict[str, str] = {}
    monkeypatch.setattr(os, "environ", changed)
    teal.env(data_dir=folder, workspace_name="mine")
    assert changed["AZUREML_ARM_WORKSPACE_NAME"] == "mine"
    assert changed["TEAL_DATA_DIR"] == str(folder)


def test_values_are_those_of_the_address_given(tmp_path: Path) -> None:
    from teal.sdk.addresses import ServerAddress

    exports = build_exports(ServerAddress("https://[::1]:1"), SCOPE, bundle=tmp_path / "b", environ={})
    assert exports["NO_PROXY"] == "::1,127.0.0.1,localhost"
