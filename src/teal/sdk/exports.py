"""The environment variables that make unmodified Azure clients talk to a Teal server (spec/wire.md §1.4).

`teal env` prints them for a shell; `teal.env()` sets them in the running process, for a notebook kernel.
"""

import os
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit

from teal.sdk.addresses import ServerAddress, data_dir, find_server
from teal.sdk.private_files import write_private
from teal.sdk.scopes import Scope, load_scope
from teal.sdk.trust import write_bundle

METADATA_PATH = "/metadata/endpoints?api-version=2019-05-01"
IDENTITY_PATH = "/msi/token"
#: What the metadata document calls the server's cloud.
CLOUD = "Teal"
#: What published scripts call by name with curl; the server's certificate has these names too.
AZURE_HOSTS = ("management.azure.com", "ml.azure.com")
#: What only this machine is called; requests to it never need a proxy.
LOCAL_HOSTS = ("127.0.0.1", "localhost")


def env(
    *,
    subscription_id: str | None = None,
    resource_group_name: str | None = None,
    workspace_name: str | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    az: bool = False,
) -> None:
    """Set them in this process, and so for what it starts: `teal.env()` in a notebook's first cell."""
    scope = load_scope(subscription_id, resource_group_name, workspace_name)
    set_exports(prepare_exports(scope, folder=data_dir, az=az), os.environ)


def prepare_exports(
    scope: Scope,
    *,
    folder: str | os.PathLike[str] | None = None,
    az: bool = False,
    environ: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Find the server, write the bundle (and the launcher) into its data directory, and name the variables."""
    environ = os.environ if environ is None else environ
    if folder is not None:
        chosen = {"TEAL_DATA_DIR": os.path.abspath(os.path.expanduser(folder))}
        environ = {**environ, "TEAL_URL": "", "TEAL_TOKEN": "", "TEAL_CA": "", **chosen}
    address = find_server(environ=environ)
    own = data_dir(environ).absolute() / "clients"
    bundle = write_bundle(own / "ca-bundle.pem", address.ca, environ)
    programs = write_launcher(own / "bin") if az else None
    curl_home = write_curl_home(own / "curl", address, environ) if az else None
    exports = build_exports(address, scope, bundle=bundle, programs=programs, curl_home=curl_home, environ=environ)
    return {**({"TEAL_DATA_DIR": str(own.parent)} if address.local else {}), **exports}


def build_exports(
    address: ServerAddress,
    scope: Scope,
    *,
    bundle: Path,
    programs: Path | None = None,
    curl_home: Path | None = None,
    environ: Mapping[str, str],
) -> dict[str, str]:
    """The variables and their values. An empty value takes back what was set before."""
    host = urlsplit(address.url).hostname or ""
    exports = {
        "ARM_CLOUD_METADATA_URL": address.url + METADATA_PATH,
        # Without it the MLflow plug-in looks for the public clouds first (spec/mlflow.md §2.3).
        "AZUREML_CURRENT_CLOUD": CLOUD,
        "IDENTITY_ENDPOINT": address.url + IDENTITY_PATH,
        "IDENTITY_HEADER": address.token or "",
        "REQUESTS_CA_BUNDLE": str(bundle),
        "CURL_CA_BUNDLE": str(bundle),
        "AZURE_SUBSCRIPTION_ID": scope.subscription,
        "AZURE_RESOURCE_GROUP": scope.group,
        "AZUREML_WORKSPACE_NAME": scope.workspace,
        # The names that notebooks on Azure's own computers find set.
        "AZUREML_ARM_SUBSCRIPTION": scope.subscription,
        "AZUREML_ARM_RESOURCEGROUP": scope.group,
        "AZUREML_ARM_WORKSPACE_NAME": scope.workspace,
    }
    for name in ("NO_PROXY", "no_proxy"):
        exports[name] = _extend(environ.get(name), ",", (host, *LOCAL_HOSTS, *(AZURE_HOSTS if curl_home else ())))
    if address.local:
        exports.update({name: "" for name in ("TEAL_URL", "TEAL_TOKEN", "TEAL_CA") if environ.get(name) is not None})
    if curl_home is not None:
        exports["CURL_HOME"] = str(curl_home)
    if programs is not None:
        exports["PATH"] = _lead(environ.get("PATH"), str(programs))
    return exports


def set_exports(exports: Mapping[str, str], environ: MutableMapping[str, str]) -> None:
    """Set them all."""
    environ.update(exports)


def find_rivals(environ: Mapping[str, str]) -> list[str]:
    """Variables by which `DefaultAzureCredential` would go to another identity before it comes to Teal's."""
    complete = {"AZURE_TENANT_ID", "AZURE_CLIENT_ID"} <= {name for name, value in environ.items() if value}
    secrets = ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE")
    return [name for name in secrets if complete and environ.get(name)]


def write_launcher(folder: Path) -> Path:
    """A folder with a program `az` that is `teal`: aliases do not reach a script run by `bash script.sh`."""
    command = f"{quote(sys.executable)} -P -m teal.cli.main"
    write_private(folder / "az", f'#!/bin/sh\nexec {command} "$@"\n', mode=0o700)
    return folder


def write_curl_home(folder: Path, address: ServerAddress, environ: Mapping[str, str]) -> Path | None:
    """A folder with a `.curlrc` that leads what scripts send to Azure to the server, and keeps what the person's own
    says. None for a server that has no TLS: Azure's names have nothing else."""
    parts = urlsplit(address.url)
    if parts.scheme != "https":
        return None
    there = parts.netloc if parts.port else f"{parts.netloc}:443"
    lines = [f'connect-to = "{host}:443:{there}"' for host in AZURE_HOSTS]
    text = "\n".join((_CURL_OURS, *lines, _CURL_THEIRS, _load_curlrc(environ)))
    write_private(folder / ".curlrc", text)
    return folder


# --- private

_CURL_OURS = "# Written by `teal env --az`: what scripts send to Azure goes to this server."
_CURL_THEIRS = "# What was said before."
#: Where curl looks, in its order; the second is where older ones do.
_CURL_FILES = (
    ("CURL_HOME", ".curlrc"),
    ("XDG_CONFIG_HOME", ".curlrc"),
    ("XDG_CONFIG_HOME", "curlrc"),
    ("HOME", ".curlrc"),
    ("HOME", ".config/curlrc"),
)


def _load_curlrc(environ: Mapping[str, str]) -> str:
    """What curl would read without this file; of a file of ours, what it has kept of that."""
    for name, file in _CURL_FILES:
        if not environ.get(name):
            continue
        try:
            text = (Path(environ[name]) / file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        return text.partition(f"\n{_CURL_THEIRS}\n")[2] if text.startswith(_CURL_OURS) else text
    return ""


def _extend(given: str | None, separator: str, more: tuple[str, ...]) -> str:
    parts = [part.strip() for part in (given or "").split(separator) if part.strip()]
    return separator.join([*parts, *dict.fromkeys(each for each in more if each and each not in parts)])


def _lead(given: str | None, first: str) -> str:
    parts = [part for part in (given or os.defpath).split(os.pathsep) if part != first]
    return os.pathsep.join([first, *parts])
