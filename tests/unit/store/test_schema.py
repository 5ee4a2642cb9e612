"""Migrations lead to the tables, in order, and never backwards."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine

from teal.store import tables
from teal.store.database import Store
from teal.store.errors import StoreRefused
from teal.store.schema import MIGRATIONS, apply_migrations, build_config


@pytest.fixture
def migrated(tmp_path: Path) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{tmp_path}/migrated.db")
    with engine.begin() as connection:
        apply_migrations(connection, tmp_path)
        yield connection
    engine.dispose()


def test_all_migrations_in_order_make_exactly_the_tables(migrated: Connection, tmp_path: Path) -> None:
    assert compare_metadata(MigrationContext.configure(migrated), tables.metadata) == []
    engine = create_engine(f"sqlite:///{tmp_path}/direct.db")
    with engine.begin() as direct:
        tables.metadata.create_all(direct)
        assert _schema_of(migrated) == _schema_of(direct)
    engine.dispose()


def test_migrations_are_one_line_of_files_named_by_version_order_and_phase() -> None:
    scripts = list(ScriptDirectory.from_config(build_config()).walk_revisions())
    oldest_first = [Path(script.path).stem for script in reversed(scripts)]
    assert oldest_first == sorted(oldest_first)
    assert len(oldest_first) == len([p for p in (MIGRATIONS / "versions").glob("*.py") if p.stem != "__init__"])
    for script in scripts:
        match = re.fullmatch(r"v(\d\d)_(\d\d)_(\d\d)_(\d\d)_(pre|post)_[a-z0-9_]+", Path(script.path).stem)
        assert match, script.path
        assert script.revision == "{}.{}.{}_{}_{}".format(*match.groups())


def test_migrating_twice_changes_nothing(migrated: Connection, tmp_path: Path) -> None:
    before = _schema_of(migrated)
    apply_migrations(migrated, tmp_path)
    assert _schema_of(migrated) == before


async def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    store = Store(tmp_path)
    await store.open()
    await store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '99.00.00_01_pre'")
    connection.close()
    before = store.path.read_bytes()

    with pytest.raises(StoreRefused, match=r"teal\.db was written by a newer version of Teal .*99\.00") as refused:
        await Store(tmp_path).open()
    assert refused.value.code == "StorageTooNew"
    assert store.path.read_bytes() == before


async def test_a_data_directory_may_hold_any_character(tmp_path: Path) -> None:
    store = Store(tmp_path / "100 % mine ?#;é")
    await store.open()
    await store.close()
    assert store.path.exists()


def _schema_of(connection: Connection) -> dict[str, str]:
    found = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE '%alembic%'"
    )
    return {name: re.sub(r"\s+", " ", sql) for name, sql in found}
