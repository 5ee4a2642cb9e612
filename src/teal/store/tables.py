"""Every table, as the schema is now. The migrations lead here, and a test proves it. Used by this room only.

A row is its keys, the columns that something is looked up or ordered by, and `body`: the whole entity as JSON
(rows.py). No column repeats what can change inside `body` without the two being written together.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only for a plain INTEGER.
_SEQUENCE = BigInteger().with_variant(Integer, "sqlite")
# Compared by code point in every database, so that prefixes are ranges.
_PATH = Text().with_variant(Text(collation="C"), "postgresql")

seals = Table(
    "seals",
    metadata,
    Column("name", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

workspaces = Table(
    "workspaces",
    metadata,
    Column("key", String, primary_key=True),
    Column("body", Text, nullable=False),
)

endpoints = Table(
    "endpoints",
    metadata,
    Column("name", String, primary_key=True),
    Column("workspace", String, nullable=False),
    Column("body", Text, nullable=False),
    Index(None, "workspace"),
)

endpoint_keys = Table(
    "endpoint_keys",
    metadata,
    Column("endpoint", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    ForeignKeyConstraint(["endpoint"], ["endpoints.name"], ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
)

endpoint_statuses = Table(
    "endpoint_statuses",
    metadata,
    Column("endpoint", String, primary_key=True),
    Column("body", Text, nullable=False),
    ForeignKeyConstraint(["endpoint"], ["endpoints.name"], ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
)

deployments = Table(
    "deployments",
    metadata,
    Column("endpoint", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("body", Text, nullable=False),
    ForeignKeyConstraint(["endpoint"], ["endpoints.name"], deferrable=True, initially="DEFERRED"),
)

deployment_statuses = Table(
    "deployment_statuses",
    metadata,
    Column("endpoint", String, primary_key=True),
    Column("deployment", String, primary_key=True),
    Column("body", Text, nullable=False),
    ForeignKeyConstraint(
        ["endpoint", "deployment"],
        ["deployments.endpoint", "deployments.name"],
        ondelete="CASCADE",
        deferrable=True,
        initially="DEFERRED",
    ),
)

operations = Table(
    "operations",
    metadata,
    Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False),
    Column("endpoint", String, nullable=False),
    Column("is_final", Boolean, nullable=False),
    Column("ended_at", Float, nullable=True),
    Column("wanted_of", String, nullable=True),
    Column("wanted", Text, nullable=True),
    Column("body", Text, nullable=False),
    UniqueConstraint("id"),
    Index(None, "is_final", "endpoint"),
    sqlite_autoincrement=True,
)

instances = Table(
    "instances",
    metadata,
    Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False),
    Column("endpoint", String, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("id"),
    Index(None, "endpoint"),
    sqlite_autoincrement=True,
)

asset_versions = Table(
    "asset_versions",
    metadata,
    Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("workspace", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("version", String, nullable=False),
    Column("is_archived", Boolean, nullable=False),
    Column("code_sha256", String, nullable=True),
    Column("body", Text, nullable=False),
    UniqueConstraint("workspace", "kind", "name", "version"),
    Index(None, "workspace", "code_sha256"),
    sqlite_autoincrement=True,
)

asset_containers = Table(
    "asset_containers",
    metadata,
    Column("workspace", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("is_archived", Boolean, nullable=False),
    Column("body", Text, nullable=False),
)

blobs = Table(
    "blobs",
    metadata,
    Column("container", String, primary_key=True),
    Column("path", _PATH, primary_key=True),
    Column("object_id", String, nullable=False),
    Column("body", Text, nullable=False),
)
