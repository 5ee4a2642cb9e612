"""The variables uv runs with: proxies, certificates and the package index of the server, none of its secrets.

Called by compute/environments.py. uv reads no pip.conf, so where only pip knows the index, uv is told.
"""

import configparser
from collections.abc import Iterable, Mapping
from pathlib import Path


def build_uv_variables(environ: Mapping[str, str], pip_settings: Mapping[str, str]) -> dict[str, str]:
    """What of the server's variables a build may see, and pip's index settings in uv's words where uv has none."""
    variables = {name: value for name, value in environ.items() if _may_pass(name)}
    pip = dict(pip_settings)
    pip |= {
        name.removeprefix("PIP_").lower().replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("PIP_")
    }
    if not any(variables.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_NO_INDEX")):
        if pip.get("index-url"):
            variables["UV_DEFAULT_INDEX"] = pip["index-url"]
        if pip.get("no-index", "").lower() in {"1", "true", "yes"}:
            variables["UV_NO_INDEX"] = "1"
    for option, name in (("extra-index-url", "UV_INDEX"), ("find-links", "UV_FIND_LINKS")):
        if pip.get(option) and not variables.get(name):
            separator = "," if name == "UV_FIND_LINKS" else " "
            variables[name] = separator.join(pip[option].split())
            # pip takes the best version of all its indexes; uv by itself stops at the first that has the name.
            variables.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    if pip.get("trusted-host"):
        variables.setdefault("UV_INSECURE_HOST", " ".join(pip["trusted-host"].split()))
    if pip.get("cert"):
        variables.setdefault("SSL_CERT_FILE", pip["cert"])
    variables["UV_NO_PROGRESS"] = "1"
    return variables


def load_pip_settings(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """The `[global]` and `[install]` settings of pip's files, the user's over the machine's."""
    settings: dict[str, str] = {}
    for path in _find_pip_files(environ, home):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                settings |= {name.replace("_", "-"): value.strip() for name, value in parser.items(section)}
    return settings


# --- private

_PASSED = frozenset(
    {"PATH", "HOME", "USER", "LANG", "LANGUAGE", "TZ", "TMPDIR", "NETRC", "SSL_CERT_FILE", "SSL_CERT_DIR"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"}
    | {"CC", "CXX", "CFLAGS", "CXXFLAGS", "LDFLAGS", "CPATH", "LIBRARY_PATH", "LD_LIBRARY_PATH", "PKG_CONFIG_PATH"}
)
_PASSED_PREFIXES = ("LC_", "UV_", "XDG_", "CARGO_", "RUSTUP_")
# They would choose another interpreter or another place than the one asked for.
_KEPT_BACK = frozenset({"UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_TARGET", "UV_PREFIX", "UV_PROJECT", "UV_WORKING_DIR"})


def _may_pass(name: str) -> bool:
    return (name in _PASSED or name.startswith(_PASSED_PREFIXES)) and name not in _KEPT_BACK


def _find_pip_files(environ: Mapping[str, str], home: Path) -> Iterable[Path]:
    named = environ.get("PIP_CONFIG_FILE")
    if named == "/dev/null":
        return []
    files = [
        Path("/etc/pip.conf"),
        Path("/etc/xdg/pip/pip.conf"),
        home / ".pip/pip.conf",
        home / "Library/Application Support/pip/pip.conf",
        Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf",
    ]
    return [*files, Path(named)] if named else files
