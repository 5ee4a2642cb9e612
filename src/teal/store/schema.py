"""Brings a database to the schema of this version, or refuses one that is newer. Called by database.py at open.

Migrations are files `v<version>_<order>_<pre|post>_<what>.py`. A `pre` only adds, so that a server of the
last release that still runs goes on working; a `post` removes what only that one needed, one release later.
"""

from pathlib import Path
from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from teal.store.errors import StoreRefused

MIGRATIONS = Path(__file__).parent / "migrations"


def apply_migrations(connection: Connection, path: Path) -> None:
    """Run what is missing, inside the caller's transaction; `path` is for the refusal."""
    with _alembic_is_global:
        config = build_config()
        scripts = ScriptDirectory.from_config(config)
        current = MigrationContext.configure(connection).get_current_revision()
        if current == scripts.get_current_head():
            return
        if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
            raise StoreRefused(
                f"The database {path} was written by a newer version of Teal (schema {current}).",
                code="StorageTooNew",
                target=str(path),
                hint="Start that version or a later one; this one leaves the file as it is.",
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def build_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


# --- private

# Alembic keeps the running migration in module globals.
_alembic_is_global = Lock()
