"""The key of a server and what it encrypts at rest. The file holds one Fernet key a line: the first one encrypts, all
of them decrypt, so a key is rotated by putting a new line on top. Called by database.py and endpoints.py."""

import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from teal.store.errors import StoreRefused, explain_file_error


class Secrets:
    """Seals and opens values with the keys of one key file."""

    def __init__(self, path: Path, fernet: MultiFernet) -> None:
        self._path = path
        self._fernet = fernet

    def seal(self, plain: str) -> bytes:
        return self._fernet.encrypt(plain.encode())

    def open(self, sealed: bytes) -> str:
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise StoreRefused(
                f"The key file {self._path} is not the one that this data directory was encrypted with.",
                code="StorageKeyLost",
                target=str(self._path),
                hint=_PUT_BACK,
            ) from None


def load_secrets(path: Path, *, may_create: bool) -> Secrets:
    """The secrets behind a key file; made on the first start (`may_create`), refused when it should be there but
    is not."""
    try:
        if may_create and not path.exists():
            _create_key_file(path)
        text = path.read_text("ascii")
    except FileNotFoundError:
        raise StoreRefused(
            f"The key file {path} is missing.", code="StorageKeyLost", target=str(path), hint=_PUT_BACK
        ) from None
    except OSError as error:
        refusal = explain_file_error(error, str(path))
        refusal.code = "StorageKeyLost" if refusal.code == "StorageUnwritable" else refusal.code
        raise refusal from error
    except UnicodeDecodeError:
        raise _unusable(path) from None
    try:
        return Secrets(path, MultiFernet([Fernet(line.strip()) for line in text.splitlines() if line.strip()]))
    except ValueError:
        raise _unusable(path) from None


# --- private

_PUT_BACK = (
    "Put back the key file that belongs to this data directory: the keys of its endpoints cannot be read without it."
)


def _unusable(path: Path) -> StoreRefused:
    return StoreRefused(f"The key file {path} holds no key.", code="StorageKeyLost", target=str(path), hint=_PUT_BACK)


def _create_key_file(path: Path) -> None:
    # Whole or not at all: a half-written key file would look like a lost key for ever.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
