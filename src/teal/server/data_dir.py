"""The data directory: its layout, its owner and the lock that lets one server have it. Called by
server/run.py and server/commands.py.

version        the layout's version      server.json   who serves, and where; only while it does
server.lock    held by the server        ports.json    the ports of last time
token          0600                      run_dir       where the unix sockets lie
token.key      0600, signs endpoints' tokens
ca.pem ca.key server.pem server.key      logs/         server.log, envoy.log, access.log
teal.db secret.key                       blobs/        uploaded files
environments.yml   people's own curated environments, if they wrote any
"""

import errno
import fcntl
import hashlib
import json
import os
import pwd
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from teal.server.ca import CertificateFiles
from teal.server.errors import DataDirInUse, DataDirRefused
from teal.server.private_files import FOLDER_MODE, make_private_folder, write_private
from teal.server.processes import ProcessIdentity, is_alive, observe_process

LAYOUT_VERSION = 1
MAX_RUN_DIR_BYTES = 79
"""A unix socket's path has room for 104 bytes (macOS); the longest name inside, one of Envoy's own, takes 24 with the
slash."""


@dataclass(frozen=True, slots=True)
class DataDir:
    """One server's files."""

    path: Path

    @property
    def server_file(self) -> Path:
        return self.path / "server.json"

    @property
    def token_file(self) -> Path:
        return self.path / "token"

    @property
    def log_file(self) -> Path:
        return self.path / "logs" / "server.log"

    @property
    def access_log_file(self) -> Path:
        return self.path / "logs" / "access.log"

    @property
    def envoy_log_file(self) -> Path:
        return self.path / "logs" / "envoy.log"

    @property
    def blobs(self) -> Path:
        return self.path / "blobs"

    @property
    def environments_file(self) -> Path:
        return self.path / "environments.yml"

    @property
    def token_key_file(self) -> Path:
        return self.path / "token.key"

    @property
    def certificates(self) -> CertificateFiles:
        names = ("ca.pem", "ca.key", "server.pem", "server.key")
        return CertificateFiles(*(self.path / name for name in names))

    def prepare(self) -> None:
        """Make it, or check that this user and this version may use it; refuses in one sentence."""
        with explained(self.path):
            make_private_folder(self.path)
            owner = self.path.stat().st_uid
            if owner != os.geteuid():
                raise DataDirRefused(
                    f"The data directory {self.path} belongs to {_user_name(owner)}; choose another with --data-dir."
                )
            self.path.chmod(FOLDER_MODE)
            self._check_version()
            make_private_folder(self.log_file.parent)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only server of this directory; refused at once while another one is. A killed one holds no lock."""
        with explained(self.path):
            descriptor = os.open(self.path / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DataDirInUse(f"Another server has the data directory {self.path}.") from None
            with explained(self.path):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, json.dumps(asdict(observe_process(os.getpid()))).encode())
            yield
            os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def find_server_process(self) -> ProcessIdentity | None:
        """The living process that holds the lock, ready or not."""
        content = _load_json(self.path / "server.lock")
        try:
            identity = ProcessIdentity(int(content["pid"]), float(content["created"]))
        except (KeyError, TypeError, ValueError):
            return None
        return identity if is_alive(identity) else None

    def ensure_token(self) -> str:
        """The token of this server, made once. Deleting the file makes a new one at the next start."""
        with explained(self.path):
            try:
                token = self.token_file.read_text().strip()
            except FileNotFoundError:
                token = ""
            if not token:
                token = secrets.token_urlsafe(32)
                write_private(self.token_file, f"{token}\n")
            return token

    def ensure_run_dir(self) -> Path:
        """Where unix sockets lie: here, or, when that is too long for a socket's address, in a short folder that is
        remembered here."""
        with explained(self.path):
            memory = self.path / "run_dir"
            try:
                remembered = Path(memory.read_text().strip())
            except FileNotFoundError:
                remembered = Path()
            if remembered.is_absolute() and _is_private(remembered):
                return remembered
            folder = self.path / "run"
            if len(os.fsencode(folder)) > MAX_RUN_DIR_BYTES:
                folder = _short_folder(self.path)
            make_private_folder(folder)
            if not _is_private(folder):
                raise DataDirRefused(f"The folder {folder} is there already and is not private; remove it.")
            write_private(memory, f"{folder}\n")
            return folder

    def find_run_dir(self) -> Path | None:
        """The run directory of an earlier start; None when nothing was ever started."""
        try:
            folder = Path((self.path / "run_dir").read_text().strip())
        except OSError:
            return None
        return folder if folder.is_dir() else None

    def remove_short_run_dir(self) -> None:
        """After everything has stopped: nothing of this server stays outside of its data directory."""
        folder = self.find_run_dir()
        if folder is None or folder.is_relative_to(self.path) or not _is_private(folder):
            return
        if folder != _short_folder(self.path):
            return
        shutil.rmtree(folder, ignore_errors=True)
        (self.path / "run_dir").unlink(missing_ok=True)

    def load_ports(self) -> dict[str, int]:
        return {k: v for k, v in _load_json(self.path / "ports.json").items() if isinstance(v, int)}

    def save_ports(self, *, port: int, gateway_port: int) -> None:
        with explained(self.path):
            write_private(self.path / "ports.json", json.dumps({"port": port, "gateway_port": gateway_port}))

    def load_server(self) -> dict[str, Any]:
        """What a server wrote when it was ready; empty when none has, or it has gone in good order."""
        return _load_json(self.server_file)

    def save_server(self, content: Mapping[str, Any]) -> None:
        with explained(self.path):
            write_private(self.server_file, json.dumps(content, indent=1) + "\n")

    # --- private

    def _check_version(self) -> None:
        file = self.path / "version"
        try:
            text = file.read_text().strip()
        except FileNotFoundError:
            write_private(file, f"{LAYOUT_VERSION}\n")
            return
        if not text.isdigit() or int(text) > LAYOUT_VERSION:
            raise DataDirRefused(
                f"The data directory {self.path} was written by a newer version of Teal (layout {text}); "
                "use that version, or another --data-dir."
            )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Failures of the file system as one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            sentence = f"There is no room left on the disk for the data directory {path}; free some and try again."
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            sentence = f"This user may not write to the data directory {path} ({error.strerror}); choose another."
        elif error.errno in (errno.ENOTDIR, errno.EEXIST):
            sentence = f"The data directory {path} cannot be made: there is a file in its place."
        else:
            sentence = f"The data directory {path} cannot be used: {error.strerror} ({error.filename})."
        raise DataDirRefused(sentence) from error


# --- private


def _user_name(uid: int) -> str:
    try:
        return f"the user '{pwd.getpwuid(uid).pw_name}'"
    except KeyError:
        return f"the user with the number {uid}"


def _is_private(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return folder.is_dir() and not folder.is_symlink() and found.st_uid == os.geteuid() and found.st_mode & 0o077 == 0


def _short_folder(data_dir: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"teal-{os.geteuid()}-{digest}"
    return folder if len(os.fsencode(folder)) <= MAX_RUN_DIR_BYTES else Path("/tmp") / folder.name  # noqa: S108 (made private, or refused)


def _load_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
