"""Searches over models that need not read every row: by name, by words that must occur, newest first, in pages.

Called by control/registry.py; single rows are those of store/assets.py.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Select, and_, select, union

from teal.domain.assets import AssetVersion
from teal.domain.resource_ids import AssetKind, WorkspaceId
from teal.store.database import Transaction
from teal.store.rows import ASSET_VERSIONS
from teal.store.tables import asset_containers, asset_versions


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFilter:
    """What the database can tell of a row without its entity being read.

    `words` occur somewhere in the row as JSON has them: necessary, never enough. `before` continues a page.
    """

    name: str | None = None
    name_like: str | None = None
    words: tuple[str, ...] = ()
    archived: bool | None = None
    before: int | None = None


def iterate_versions(tx: Transaction, ws: WorkspaceId, wanted: RowFilter) -> Iterator[AssetVersion]:
    """The versions of models that may fit, newest created first; read as far as the caller goes on."""
    columns = asset_versions.c
    query = select(columns.seq, columns.body).where(columns.workspace == ws.key, columns.kind == AssetKind.MODEL.value)
    query = query.where(*_conditions(columns.name, columns.body, wanted))
    if wanted.archived is not None:
        query = query.where(columns.is_archived.is_(wanted.archived))
    if wanted.before is not None:
        query = query.where(columns.seq < wanted.before)
    yield from _read(tx, query.order_by(columns.seq.desc()))


def list_model_names(
    tx: Transaction, ws: WorkspaceId, *, like: str | None, name: str | None, after: str | None, limit: int | None
) -> Sequence[str]:
    """Names of models in order, with or without versions; `after` continues a page."""
    versions, containers = asset_versions.c, asset_containers.c
    kind = AssetKind.MODEL.value
    both = union(
        select(versions.name).where(versions.workspace == ws.key, versions.kind == kind).distinct(),
        select(containers.name).where(containers.workspace == ws.key, containers.kind == kind),
    ).subquery()
    query = select(both.c.name).order_by(both.c.name).limit(limit)
    query = query.where(*_conditions(both.c.name, None, RowFilter(name=name, name_like=like)))
    if after is not None:
        query = query.where(both.c.name > after)
    return tx.connection.execute(query).scalars().all()


def list_version_texts(tx: Transaction, ws: WorkspaceId, name: str) -> Sequence[str]:
    """The versions of a model in the order of their creation, without anything else of them."""
    columns = asset_versions.c
    query = select(columns.version).where(_is_model(ws, name)).order_by(columns.seq)
    return tx.connection.execute(query).scalars().all()


def rename_model(tx: Transaction, ws: WorkspaceId, old: str, new: str, versions: Sequence[AssetVersion]) -> None:
    """Give rows another name; `versions` are their entities, which bear the new one already."""
    columns = asset_versions.c
    for version in versions:
        tx.connection.execute(
            asset_versions.update()
            .where(_is_model(ws, old), columns.version == version.version)
            .values(name=new, body=ASSET_VERSIONS.format(version))
        )
    own = asset_containers.c
    matches = and_(own.workspace == ws.key, own.kind == AssetKind.MODEL.value, own.name == old)
    tx.connection.execute(asset_containers.update().where(matches).values(name=new))


# --- private


def _is_model(ws: WorkspaceId, name: str) -> ColumnElement[bool]:
    columns = asset_versions.c
    return and_(columns.workspace == ws.key, columns.kind == AssetKind.MODEL.value, columns.name == name)


def _conditions(
    name: ColumnElement[str], body: ColumnElement[str] | None, wanted: RowFilter
) -> Iterator[ColumnElement[bool]]:
    if wanted.name is not None:
        yield name == wanted.name
    if wanted.name_like is not None:
        # LIKE compares without case in some databases: the caller looks again.
        yield name.like(wanted.name_like)
    if body is not None:
        for word in wanted.words:
            yield body.contains(json.dumps(word, ensure_ascii=False)[1:-1], autoescape=True)


def _read(tx: Transaction, query: Select[tuple[int, str]]) -> Iterator[AssetVersion]:
    with tx.connection.execute(query) as rows:
        for row in rows:
            yield replace(ASSET_VERSIONS.parse(row.body), seq=row.seq)
