"""What uv is told of the server's surroundings."""

from pathlib import Path

from teal.compute.package_index import build_uv_variables, load_pip_settings


def test_a_build_sees_proxies_and_indexes_but_no_secrets() -> None:
    variables = build_uv_variables(
        {
            "PATH": "/bin",
            "https_proxy": "http://proxy",
            "SSL_CERT_FILE": "/ca.pem",
            "UV_DEFAULT_INDEX": "https://index",
            "UV_PYTHON": "3.8",
            "TEAL_TOKEN": "secret",
            "IDENTITY_HEADER": "secret",
            "AWS_SECRET_ACCESS_KEY": "secret",
        },
        {"index-url": "https://of-pip"},
    )
    assert variables == {
        "PATH": "/bin",
        "https_proxy": "http://proxy",
        "SSL_CERT_FILE": "/ca.pem",
        "UV_DEFAULT_INDEX": "https://index",
        "UV_NO_PROGRESS": "1",
    }


def test_pips_settings_stand_in_where_uv_has_none() -> None:
    variables = build_uv_variables(
        {"PIP_EXTRA_INDEX_URL": "https://a https://b", "PIP_TRUSTED_HOST": "a"},
        {"index-url": "https://index", "find-links": "/wheels /more", "cert": "/ca.pem", "no-index": "true"},
    )
    assert variables["UV_DEFAULT_INDEX"] == "https://index"
    assert variables["UV_INDEX"] == "https://a https://b"
    assert variables["UV_FIND_LINKS"] == "/wheels,/more"
    assert variables["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert variables["UV_INSECURE_HOST"] == "a"
    assert variables["SSL_CERT_FILE"] == "/ca.pem"
    assert variables["UV_NO_INDEX"] == "1"


def test_pips_files_are_read_the_nearer_one_last(tmp_path: Path) -> None:
    (tmp_path / ".pip").mkdir()
    (tmp_path / ".pip/pip.conf").write_text("[global]\nindex-url = file:///old\nextra_index_url = file:///extra\n")
    (tmp_path / "mine").write_text("[global]\nindex-url = file:///mine/100%\n[install]\nfind-links = /wheels\n")
    (tmp_path / ".config/pip").mkdir(parents=True)
    (tmp_path / ".config/pip/pip.conf").write_text("not an ini file")
    settings = load_pip_settings({"PIP_CONFIG_FILE": str(tmp_path / "mine")}, tmp_path)
    assert settings["index-url"] == "file:///mine/100%"
    assert settings["extra-index-url"] == "file:///extra"
    assert settings["find-links"] == "/wheels"
    assert load_pip_settings({"PIP_CONFIG_FILE": "/dev/null"}, tmp_path) == {}
