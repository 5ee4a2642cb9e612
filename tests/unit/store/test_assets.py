"""Versions in the order of their creation, and containers counted from them."""

from dataclasses import replace

from teal.domain.assets import AssetVersion
from teal.domain.resource_ids import AssetKind, WorkspaceId
from teal.store.assets import (
    find_code_by_hash,
    list_containers,
    list_versions,
    load_container,
    load_version,
    save_container_state,
    save_version,
)
from teal.store.database import Store
from tests.unit.store.entities import MODEL, WORKSPACE

ELSEWHERE = WorkspaceId("s", "g", "elsewhere")


async def save(store: Store, *assets: AssetVersion) -> None:
    await store.write(lambda tx: [save_version(tx, asset) for asset in assets])


async def test_a_version_comes_back_with_its_number(store: Store) -> None:
    saved = await store.write(lambda tx: save_version(tx, MODEL))
    assert saved == replace(MODEL, seq=1)
    assert await store.read(lambda tx: load_version(tx, WORKSPACE, AssetKind.MODEL, "Risk_Model", "1")) == saved
    assert await store.read(lambda tx: load_version(tx, WORKSPACE, AssetKind.MODEL, "risk_model", "1")) is None
    assert await store.read(lambda tx: load_version(tx, WORKSPACE, AssetKind.CODE, "Risk_Model", "1")) is None


async def test_versions_are_listed_newest_created_first_whatever_was_changed_since(store: Store) -> None:
    await save(store, *(replace(MODEL, version=v) for v in ("9", "10", "2")))
    await save(store, replace(MODEL, version="9", is_archived=True), replace(MODEL, version="3", name="other"))

    async def versions(archived: bool | None) -> list[str]:
        found = await store.read(lambda tx: list_versions(tx, WORKSPACE, AssetKind.MODEL, "Risk_Model", archived))
        return [v.version for v in found]

    assert await versions(None) == ["2", "10", "9"]
    assert await versions(False) == ["2", "10"]
    assert await versions(True) == ["9"]


async def test_a_container_is_counted_from_its_versions(store: Store) -> None:
    assert await store.read(lambda tx: load_container(tx, WORKSPACE, AssetKind.MODEL, "Risk_Model")) is None
    await save(store, *(replace(MODEL, version=v) for v in ("10", "nightly", "2")))
    container = await store.read(lambda tx: load_container(tx, WORKSPACE, AssetKind.MODEL, "Risk_Model"))
    assert container is not None
    assert (container.latest_version, container.next_version, container.is_archived) == ("2", "11", False)


async def test_containers_are_listed_by_name_kind_and_archive(store: Store) -> None:
    await save(
        store,
        replace(MODEL, name="b"),
        replace(MODEL, name="a"),
        replace(MODEL, name="c", kind=AssetKind.ENVIRONMENT),
        replace(MODEL, name="d", workspace=ELSEWHERE),
    )
    await store.write(lambda tx: save_container_state(tx, WORKSPACE, AssetKind.MODEL, "b", True, {"tags": {"x": "y"}}))
    await store.write(lambda tx: save_container_state(tx, WORKSPACE, AssetKind.MODEL, "no versions", False, {}))

    async def names(archived: bool | None) -> list[str]:
        found = await store.read(lambda tx: list_containers(tx, WORKSPACE, AssetKind.MODEL, archived))
        return [c.name for c in found]

    assert await names(None) == ["a", "b"]
    assert await names(True) == ["b"]
    assert await names(False) == ["a"]
    container = await store.read(lambda tx: load_container(tx, WORKSPACE, AssetKind.MODEL, "b"))
    assert container is not None
    assert container.body == {"tags": {"x": "y"}}


async def test_code_is_found_by_the_hash_of_its_upload(store: Store) -> None:
    code = replace(MODEL, kind=AssetKind.CODE, body={"codeUri": "u", "properties": {"hash_sha256": "abc"}})
    newer = replace(code, name="newer")
    await save(
        store,
        code,
        newer,
        replace(code, name="elsewhere", workspace=ELSEWHERE),
        replace(code, name="odd", body={"properties": {"hash_sha256": 7}}),
        replace(code, name="model", kind=AssetKind.MODEL),
    )
    found = await store.read(lambda tx: find_code_by_hash(tx, WORKSPACE, "abc"))
    assert found is not None
    assert (found.name, found.kind) == ("newer", AssetKind.CODE)
    assert await store.read(lambda tx: find_code_by_hash(tx, WORKSPACE, "other")) is None
