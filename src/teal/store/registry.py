"""Searches over models that need not read every row: by name, by members that must occur, newest first, in pages.

Called by control/registry.py; single rows are those of store/assets.py.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Select, and_, func, not_, or_, select, union
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from teal.domain.assets import AssetContainer, AssetVersion, next_version_after
from teal.domain.resource_ids import AssetKind, WorkspaceId
from teal.store.assets import build_container, load_container_row
from teal.store.database import Transaction
from teal.store.rows import ASSET_VERSIONS, JSON_OBJECTS
from teal.store.tables import asset_containers, asset_versions


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFilter:
    """What the database can tell of a row without its entity being read.

    `members` occur somewhere in the row, key and text beside each other: necessary, never enough. `before` continues
    a page.
    """

    name: str | None = None
    name_like: str | None = None
    members: tuple[tuple[str, str], ...] = ()
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


def load_model(tx: Transaction, ws: WorkspaceId, name: str) -> AssetContainer | None:
    """The container of a model, from its own row and its oldest and newest version only."""
    own = load_container_row(tx, ws, AssetKind.MODEL, name)
    columns = asset_versions.c
    ends = select(func.min(columns.seq), func.max(columns.seq)).where(_is_model(ws, name))
    query = select(columns.seq, columns.body).where(columns.seq.in_(tx.connection.execute(ends).one()))
    versions = tuple(_read(tx, query.order_by(columns.seq)))
    if not versions and own is None:
        return None
    container = build_container(ws, AssetKind.MODEL, name, versions, *(own or (False, {})))
    texts = list_version_texts(tx, ws, name)
    return replace(container, next_version=next_version_after([*texts, str(container.last_number)]))


def list_aliases(tx: Transaction, ws: WorkspaceId, names: Sequence[str]) -> dict[str, Mapping[str, str]]:
    """The labels of those of the models that have any: name -> alias -> version."""
    own = asset_containers.c
    query = select(own.name, own.body).where(
        own.workspace == ws.key, own.kind == AssetKind.MODEL.value, own.name.in_(names)
    )
    containers = (
        build_container(ws, AssetKind.MODEL, row.name, (), False, JSON_OBJECTS.parse(row.body))
        for row in tx.connection.execute(query)
    )
    return {container.name: container.aliases for container in containers if container.aliases}


def load_overviews(
    tx: Transaction, ws: WorkspaceId, names: Sequence[str], members: Sequence[tuple[str, str]]
) -> list[tuple[AssetContainer, tuple[AssetVersion, ...]]]:
    """Containers by name, each with its versions that stand out, newest first: the newest active one, the newest
    archived one, and every active one in whose row one of `members` occurs. Few queries, however many names."""
    columns, own = asset_versions.c, asset_containers.c
    of_model = and_(columns.workspace == ws.key, columns.kind == AssetKind.MODEL.value, columns.name.in_(names))
    ends = select(
        func.min(columns.seq),
        func.max(columns.seq).filter(columns.is_archived),
        func.max(columns.seq).filter(not_(columns.is_archived)),
    )
    seqs = {seq for row in tx.connection.execute(ends.where(of_model).group_by(columns.name)) for seq in row if seq}
    named = [_Occurs(columns.body, _format_member(*member)) for member in members]
    query = select(columns.seq, columns.body).where(
        of_model, or_(columns.seq.in_(seqs), and_(not_(columns.is_archived), or_(*named)))
    )
    versions: dict[str, list[AssetVersion]] = {}
    for version in _read(tx, query.order_by(columns.seq)):
        versions.setdefault(version.name, []).append(version)
    rows = select(own.name, own.is_archived, own.body).where(
        own.workspace == ws.key, own.kind == AssetKind.MODEL.value, own.name.in_(names)
    )
    own_rows = {row.name: (row.is_archived, JSON_OBJECTS.parse(row.body)) for row in tx.connection.execute(rows)}
    return [
        (
            build_container(ws, AssetKind.MODEL, name, versions.get(name, ()), *own_rows.get(name, (False, {}))),
            tuple(reversed(versions.get(name, ()))),
        )
        for name in names
        if name in versions or name in own_rows
    ]


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


class _Occurs(FunctionElement[bool]):
    """Whether a text occurs in another, exactly: LIKE would be several times slower and blind to case in SQLite."""

    type = Boolean()
    inherit_cache = True


@compiles(_Occurs)
def _compile_occurs(element: _Occurs, compiler: Any, **options: Any) -> str:
    name = "strpos" if compiler.dialect.name == "postgresql" else "instr"
    return f"({name}({compiler.process(element.clauses, **options)}) > 0)"


def _format_member(key: str, text: str) -> str:
    """As rows.py writes it."""
    return json.dumps({key: text}, ensure_ascii=False)[1:-1]


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
        yield from (_Occurs(body, _format_member(*member)) for member in wanted.members)


def _read(tx: Transaction, query: Select[tuple[int, str]]) -> Iterator[AssetVersion]:
    with tx.connection.execute(query) as rows:
        for row in rows:
            yield replace(ASSET_VERSIONS.parse(row.body), seq=row.seq)
