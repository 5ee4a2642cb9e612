"""Versions of models, environments and codes, and the containers that group them by name. Called by control."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, and_, delete, func, select

from teal.domain.assets import CODE_HASH_PROPERTY, AssetContainer, AssetVersion, next_version_after
from teal.domain.resource_ids import AssetKind, WorkspaceId
from teal.store.database import Transaction
from teal.store.rows import ASSET_VERSIONS, JSON_OBJECTS
from teal.store.tables import asset_containers, asset_versions
from teal.store.upserts import save_row


def load_version(tx: Transaction, ws: WorkspaceId, kind: AssetKind, name: str, version: str) -> AssetVersion | None:
    query = _SELECT.where(_is_of(ws, kind, name), asset_versions.c.version == version)
    row = tx.connection.execute(query).one_or_none()
    return None if row is None else _parse_row(row)


def list_versions(
    tx: Transaction, ws: WorkspaceId, kind: AssetKind, name: str, archived: bool | None = None
) -> tuple[AssetVersion, ...]:
    """The versions of one name, newest created first; `archived` None lists both."""
    query = _SELECT.where(_is_of(ws, kind, name)).order_by(asset_versions.c.seq.desc())
    if archived is not None:
        query = query.where(asset_versions.c.is_archived.is_(archived))
    return tuple(_parse_row(row) for row in tx.connection.execute(query))


def save_version(tx: Transaction, asset: AssetVersion) -> AssetVersion:
    """Store a version; a new one becomes the newest, an existing one keeps its place. Returned with its `seq`."""
    keys = {"workspace": asset.workspace.key, "kind": asset.kind.value, "name": asset.name, "version": asset.version}
    save_row(
        tx,
        asset_versions,
        keys,
        {
            "is_archived": asset.is_archived,
            "code_sha256": _find_code_hash(asset),
            "body": ASSET_VERSIONS.format(asset),
        },
    )
    query = select(asset_versions.c.seq).where(*(asset_versions.c[key] == value for key, value in keys.items()))
    return replace(asset, seq=tx.connection.execute(query).scalar_one())


def find_name_in_other_case(tx: Transaction, ws: WorkspaceId, kind: AssetKind, name: str) -> str | None:
    """A name that has versions and differs from this one in the case of its letters only."""
    columns = asset_versions.c
    query = select(columns.name).where(
        columns.workspace == ws.key,
        columns.kind == kind.value,
        func.lower(columns.name) == name.lower(),
        columns.name != name,
    )
    return tx.connection.execute(query.limit(1)).scalar()


def find_code_by_hash(tx: Transaction, ws: WorkspaceId, sha256: str) -> AssetVersion | None:
    """The newest code whose upload had this hash (`spec/wire.md` §3.2), so that the same folder is not sent twice."""
    query = _SELECT.where(asset_versions.c.workspace == ws.key, asset_versions.c.code_sha256 == sha256)
    row = tx.connection.execute(query.order_by(asset_versions.c.seq.desc()).limit(1)).one_or_none()
    return None if row is None else _parse_row(row)


def load_container(tx: Transaction, ws: WorkspaceId, kind: AssetKind, name: str) -> AssetContainer | None:
    """The container of a name; None when it has no versions."""
    return next(iter(_list_containers(tx, ws, kind, name)), None)


def list_containers(
    tx: Transaction, ws: WorkspaceId, kind: AssetKind, archived: bool | None = None
) -> tuple[AssetContainer, ...]:
    """The containers of one kind, by name; `archived` None lists both."""
    found = _list_containers(tx, ws, kind, None)
    return tuple(c for c in found if archived is None or c.is_archived == archived)


def save_container_state(
    tx: Transaction, ws: WorkspaceId, kind: AssetKind, name: str, is_archived: bool, body: Mapping[str, Any]
) -> None:
    """What people wrote on the container itself; its versions are always counted afresh, and its aliases stay."""
    query = select(asset_containers.c.body).where(*_names(asset_containers, ws, kind, name))
    row = tx.connection.execute(query).scalar()
    own = JSON_OBJECTS.parse(row).get(_OWN) if row else None
    _save_container_row(tx, ws, kind, name, is_archived, {**body, **({_OWN: own} if own else {})})


def save_container(tx: Transaction, container: AssetContainer) -> None:
    """The container itself, also one that has no versions (yet, or any more)."""
    own = {
        "created_at": container.created_at,
        "modified_at": container.modified_at,
        "aliases": dict(container.aliases),
        "last_number": container.last_number,
    }
    body = {**container.body, _OWN: own}
    _save_container_row(tx, container.workspace, container.kind, container.name, container.is_archived, body)


def delete_version(tx: Transaction, ws: WorkspaceId, kind: AssetKind, name: str, version: str) -> None:
    tx.connection.execute(delete(asset_versions).where(_is_of(ws, kind, name), asset_versions.c.version == version))


def delete_container(tx: Transaction, ws: WorkspaceId, kind: AssetKind, name: str) -> None:
    """A name with all its versions; the files they refer to stay where they are."""
    tx.connection.execute(delete(asset_versions).where(_is_of(ws, kind, name)))
    tx.connection.execute(delete(asset_containers).where(*_names(asset_containers, ws, kind, name)))


def build_container(
    ws: WorkspaceId,
    kind: AssetKind,
    name: str,
    versions: Sequence[AssetVersion],
    is_archived: bool,
    body: Mapping[str, Any],
) -> AssetContainer:
    """A container of its own row and its versions, the newest last."""
    own = body.get(_OWN) or {}
    last_number = int(own.get("last_number", 0))
    created, modified = own.get("created_at"), own.get("modified_at")
    following = next_version_after([*(v.version for v in versions), str(last_number)])
    return AssetContainer(
        workspace=ws,
        kind=kind,
        name=name,
        latest_version=versions[-1].version if versions else None,
        next_version=following,
        created_at=min(([] if created is None else [created]) + [v.created_at for v in versions], default=0.0),
        modified_at=max(([] if modified is None else [modified]) + [v.modified_at for v in versions], default=0.0),
        is_anonymous=bool(versions) and all(v.is_anonymous for v in versions),
        is_archived=is_archived,
        body={k: v for k, v in body.items() if k != _OWN},
        aliases=own.get("aliases") or {},
        last_number=last_number,
    )


def load_container_row(
    tx: Transaction, ws: WorkspaceId, kind: AssetKind, name: str
) -> tuple[bool, dict[str, Any]] | None:
    """Whether a container is archived, and its own row; None where nothing was ever written on it."""
    query = select(asset_containers.c.is_archived, asset_containers.c.body)
    row = tx.connection.execute(query.where(*_names(asset_containers, ws, kind, name))).one_or_none()
    return None if row is None else (row.is_archived, JSON_OBJECTS.parse(row.body))


# --- private

_OWN = "_container"
"""The member of a container's row that holds what nobody wrote into its body."""

_SELECT = select(asset_versions.c.seq, asset_versions.c.body)


def _is_of(ws: WorkspaceId, kind: AssetKind, name: str) -> ColumnElement[bool]:
    columns = asset_versions.c
    return and_(columns.workspace == ws.key, columns.kind == kind.value, columns.name == name)


def _names(table: Table, ws: WorkspaceId, kind: AssetKind, name: str) -> tuple[ColumnElement[bool], ...]:
    return table.c.workspace == ws.key, table.c.kind == kind.value, table.c.name == name


def _save_container_row(
    tx: Transaction, ws: WorkspaceId, kind: AssetKind, name: str, is_archived: bool, body: Mapping[str, Any]
) -> None:
    keys = {"workspace": ws.key, "kind": kind.value, "name": name}
    save_row(tx, asset_containers, keys, {"is_archived": is_archived, "body": JSON_OBJECTS.format(dict(body))})


def _parse_row(row: Row[int, str]) -> AssetVersion:
    return replace(ASSET_VERSIONS.parse(row.body), seq=row.seq)


def _find_code_hash(asset: AssetVersion) -> str | None:
    properties = asset.body.get("properties")
    found = properties.get(CODE_HASH_PROPERTY) if isinstance(properties, Mapping) else None
    return found if asset.kind is AssetKind.CODE and isinstance(found, str) else None


def _list_containers(tx: Transaction, ws: WorkspaceId, kind: AssetKind, name: str | None) -> tuple[AssetContainer, ...]:
    """Those with versions, and those that were made before any."""
    versions: dict[str, list[AssetVersion]] = {}
    columns = asset_versions.c
    query = _SELECT.where(columns.workspace == ws.key, columns.kind == kind.value)
    if name is not None:
        query = query.where(columns.name == name)
    for row in tx.connection.execute(query.order_by(columns.seq)):
        version = _parse_row(row)
        versions.setdefault(version.name, []).append(version)

    own = asset_containers.c
    states = select(own.name, own.is_archived, own.body).where(own.workspace == ws.key, own.kind == kind.value)
    if name is not None:
        states = states.where(own.name == name)
    state_of = {row.name: (row.is_archived, JSON_OBJECTS.parse(row.body)) for row in tx.connection.execute(states)}

    return tuple(
        build_container(ws, kind, found_name, versions.get(found_name, []), *state_of.get(found_name, (False, {})))
        for found_name in sorted({*versions, *(each for each, (_, body) in state_of.items() if _OWN in body)})
    )
