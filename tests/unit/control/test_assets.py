"""Verbs on models, environments and codes, and on workspaces."""

from typing import Any

import pytest

from teal.control import assets, workspaces
from teal.control.requests import Accepted
from teal.domain.assets import AssetVersion
from teal.domain.blobs import DATASTORE_CONTAINER, Blob
from teal.domain.errors import AlreadyExists, InvalidInput, NotFound
from teal.domain.resource_ids import AssetKind, WorkspaceId
from teal.store import blobs
from tests.unit.control.conftest import Verbs

MODEL, ENVIRONMENT, CODE = AssetKind.MODEL, AssetKind.ENVIRONMENT, AssetKind.CODE


async def put(verbs: Verbs, kind: AssetKind, version: str, body: dict[str, Any]) -> Accepted[AssetVersion]:
    return await verbs.call(assets.put_version, kind, "a", version, body, verbs.moment())


async def test_the_same_version_again_is_no_error_and_keeps_its_creation(verbs: Verbs) -> None:
    first = await put(verbs, MODEL, "1", {"modelUri": "u", "tags": {}})
    again = await put(verbs, MODEL, "1", {"modelUri": "u", "tags": {"a": "b"}})
    assert (first.created, again.created) == (True, False)
    assert again.value.created_at == first.value.created_at
    assert again.value.body["tags"] == {"a": "b"}


async def test_another_path_under_the_same_version_is_refused(verbs: Verbs) -> None:
    await put(verbs, MODEL, "1", {"modelUri": "u"})
    with pytest.raises(InvalidInput, match="Asset paths cannot be updated"):
        await put(verbs, MODEL, "1", {"modelUri": "other"})


async def test_another_definition_under_the_same_version_of_an_environment_is_a_conflict(verbs: Verbs) -> None:
    await put(verbs, ENVIRONMENT, "1", {"image": "i", "condaFile": "x"})
    await put(verbs, ENVIRONMENT, "1", {"image": "i", "condaFile": "x", "tags": {"a": "b"}})
    with pytest.raises(AlreadyExists, match="with other content"):
        await put(verbs, ENVIRONMENT, "1", {"image": "i", "condaFile": "y"})


async def test_versions_are_listed_newest_created_first_and_counted_on(verbs: Verbs) -> None:
    for version in ("1", "3", "2"):
        await put(verbs, MODEL, version, {"modelUri": version})
    listed = await verbs.call(assets.list_versions, MODEL, "a")
    assert [a.version for a in listed] == ["2", "3", "1"]
    container = await verbs.call(assets.get_container, MODEL, "a")
    assert (container.latest_version, container.next_version) == ("2", "4")


async def test_archived_versions_and_containers_are_listed_apart(verbs: Verbs) -> None:
    await put(verbs, MODEL, "1", {"modelUri": "u"})
    await put(verbs, MODEL, "1", {"modelUri": "u", "isArchived": True})
    assert not await verbs.call(assets.list_versions, MODEL, "a", archived=False)
    assert [a.version for a in await verbs.call(assets.list_versions, MODEL, "a", archived=True)] == ["1"]
    archived = await verbs.call(assets.put_container, MODEL, "a", {"isArchived": True})
    assert archived.is_archived
    assert not await verbs.call(assets.list_containers, MODEL, archived=False)


async def test_code_is_found_by_its_content_whatever_its_name(verbs: Verbs) -> None:
    await put(verbs, CODE, "1", {"codeUri": "u", "properties": {"hash_sha256": "abc"}})
    found = await verbs.call(assets.find_code, "abc")
    assert found is not None
    assert found.name == "a"
    assert await verbs.call(assets.find_code, "other") is None


async def test_what_is_not_there_is_said_by_name(verbs: Verbs) -> None:
    with pytest.raises(NotFound, match="has no version '9'"):
        await verbs.call(assets.get_version, MODEL, "a", "9")
    with pytest.raises(NotFound, match="The model 'a' does not exist"):
        await verbs.call(assets.get_container, MODEL, "a")


async def test_a_workspace_named_for_the_first_time_is_created_only_where_that_is_allowed(verbs: Verbs) -> None:
    id = WorkspaceId("s", "g", "w")
    with pytest.raises(NotFound, match="workspaces=auto"):
        await verbs.store.write(lambda tx: workspaces.ensure_workspace(tx, id, verbs.moment(), create=False))
    created = await verbs.store.write(lambda tx: workspaces.ensure_workspace(tx, id, verbs.moment(), create=True))
    again = await verbs.store.write(lambda tx: workspaces.ensure_workspace(tx, id, verbs.moment(), create=False))
    assert again == created
    assert await verbs.store.read(lambda tx: workspaces.find_workspace(tx, id)) == created
    assert await verbs.store.read(workspaces.list_workspaces) == (created,)


async def upload(verbs: Verbs, path: str) -> None:
    blob = Blob(container=DATASTORE_CONTAINER, path=path, object_id="o", size=1, etag='"e"', modified_at=0)
    await verbs.store.write(lambda tx: blobs.save_blob(tx, blob))


async def test_what_was_uploaded_as_an_mlflow_model_must_be_one(verbs: Verbs) -> None:
    uri = "azureml://datastores/workspaceblobstore/paths/LocalUpload/h/heart"
    mlflow, custom = ({"modelUri": uri, "modelType": kind} for kind in ("mlflow_model", "custom_model"))

    async def find(body: dict[str, str]) -> Blob | None:
        found: Blob | None = await verbs.call(assets.find_model_file, "a", "1", body)
        return found

    assert await find(mlflow) is None, "the files may come later"
    await upload(verbs, "LocalUpload/h/heart/model.pkl")
    with pytest.raises(InvalidInput, match=r"no MLmodel: model\.pkl"):
        await find(mlflow)
    assert await find(custom) is None
    await upload(verbs, "LocalUpload/h/heart/inner/MLmodel")
    found = await find(mlflow)
    assert found is not None
    assert found.path == "LocalUpload/h/heart/inner/MLmodel"
    await put(verbs, MODEL, "1", mlflow)
    assert await find(mlflow) is None, "a version that is there is not looked at again"
