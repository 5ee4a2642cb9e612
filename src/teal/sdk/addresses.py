"""Where the server is and how to be let in: from the environment, or from the data directory `teal up` writes.

Used by the client (sdk/client.py) and by CLI commands that print addresses.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from teal.sdk.errors import NotRunning

DEFAULT_DATA_DIR = "~/.teal"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """All that is needed to reach one server."""

    url: str
    token: str | None = field(default=None, repr=False)
    ca: Path | None = None
    #: True when the address came from a data directory, so the server is on this machine.
    local: bool = False


def data_dir(environ: Mapping[str, str] | None = None) -> Path:
    """The data directory in use: TEAL_DATA_DIR, else ~/.teal."""
    environ = os.environ if environ is None else environ
    return Path(environ.get("TEAL_DATA_DIR") or DEFAULT_DATA_DIR).expanduser()


def find_server(
    *,
    url: str | None = None,
    token: str | None = None,
    ca: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> ServerAddress:
    """The server meant: arguments first, then TEAL_URL, TEAL_TOKEN and TEAL_CA, then the data directory."""
    environ = os.environ if environ is None else environ
    url = url or environ.get("TEAL_URL")
    token = token or environ.get("TEAL_TOKEN")
    ca = ca or environ.get("TEAL_CA")
    if url:
        return ServerAddress(url.rstrip("/"), token, Path(ca).expanduser() if ca else None)
    folder = data_dir(environ)
    return ServerAddress(
        url=_read_url(folder),
        token=token or _read_token(folder),
        ca=Path(ca).expanduser() if ca else _existing(folder / "ca.pem"),
        local=True,
    )


# --- private


def _read_url(folder: Path) -> str:
    path = folder / "server.json"
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        return str(written["url"]).rstrip("/")
    except FileNotFoundError:
        raise NotRunning(
            f"No Teal server is running in {folder}.",
            hint="Start one with `teal up`, or set TEAL_URL (and TEAL_TOKEN, TEAL_CA) to talk to one elsewhere.",
        ) from None
    except PermissionError:
        raise NotRunning(
            f"The Teal server in {folder} belongs to another user.",
            hint="Use your own with `teal up --data-dir DIR`, or ask its owner for TEAL_URL, TEAL_TOKEN and TEAL_CA.",
        ) from None
    except (ValueError, KeyError, TypeError):
        raise NotRunning(f"{path} is not readable.", hint="`teal down`, then `teal up`, writes it anew.") from None


def _read_token(folder: Path) -> str | None:
    try:
        return (folder / "token").read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except PermissionError:
        raise NotRunning(
            f"The token of the Teal server in {folder} is not readable by this user.",
            hint="Only its owner may use it; ask them for a TEAL_TOKEN.",
        ) from None


def _existing(path: Path) -> Path | None:
    return path if path.exists() else None
