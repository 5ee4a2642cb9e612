"""When the store cannot do what was asked: one error, and how the failures of SQLite and of the disk become it.

StoreRefused (a TealError)   nothing was half-written; `code` says which kind:
  StorageFull        no room on the disk
  StorageBusy        another process holds the database
  StorageDamaged     the file is not a database, or its content cannot be read
  StorageUnwritable  permissions, a read-only or failing disk
  StorageTooNew      written by a newer version of Teal
  StorageKeyLost     the key file is missing, unreadable or another one
  StorageClosed      the server is stopping
"""

import errno
import sqlite3

from sqlalchemy.exc import DBAPIError

from teal.domain.errors import TealError


class StoreRefused(TealError):
    code = "StorageUnavailable"


def explain_database_error(error: DBAPIError, path: str) -> StoreRefused | None:
    """The refusal behind a failure of SQLite; None for one that is a mistake of the caller (a violated constraint)."""
    name = getattr(error.orig, "sqlite_errorname", "") if isinstance(error.orig, sqlite3.Error) else ""
    for prefix, (code, sentence, hint) in _SQLITE_FAILURES.items():
        if name.startswith(prefix):
            return StoreRefused(f"{sentence.format(path=path)} ({error.orig}).", code=code, target=path, hint=hint)
    return None


def explain_file_error(error: OSError, path: str) -> StoreRefused:
    """The refusal behind a file that could not be written or read."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        code, sentence, hint = _SQLITE_FAILURES["SQLITE_FULL"]
    else:
        code, sentence, hint = _SQLITE_FAILURES["SQLITE_IOERR"]
    return StoreRefused(f"{sentence.format(path=path)} ({error.strerror}).", code=code, target=path, hint=hint)


# --- private

_UNWRITABLE = (
    "StorageUnwritable",
    "The server cannot read or write {path}",
    "Check that the disk works and that the server's user owns the data directory; nothing was changed.",
)
_BUSY = (
    "StorageBusy",
    "Another process holds {path}",
    "Stop the other server or tool that has this file open, then repeat the request; nothing was changed.",
)
_DAMAGED = (
    "StorageDamaged",
    "{path} is damaged or is not a database of Teal",
    "Stop the server and put back a copy of the data directory.",
)
_SQLITE_FAILURES = {
    "SQLITE_FULL": (
        "StorageFull",
        "There is no room left on the disk for {path}",
        "Free some space, then repeat the request; nothing was changed.",
    ),
    "SQLITE_BUSY": _BUSY,
    "SQLITE_LOCKED": _BUSY,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_IOERR": _UNWRITABLE,
    "SQLITE_READONLY": _UNWRITABLE,
    "SQLITE_CANTOPEN": _UNWRITABLE,
    "SQLITE_PERM": _UNWRITABLE,
    "SQLITE_AUTH": _UNWRITABLE,
}
