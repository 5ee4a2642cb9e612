"""Models, environments and codes over REST, as stock clients rely on them (spec/wire.md §3.3-3.5)."""

import pytest

from tests.harness.rest import WORKSPACE, RestServer

URI = "azureml://subscriptions/sub/resourcegroups/rg/workspaces/ws/datastores/workspaceblobstore/paths/LocalUpload/h/m"
MODEL = {"modelType": "custom_model", "modelUri": URI, "tags": {"a": "b"}, "isAnonymous": False, "isArchived": False}


async def test_a_model_has_flavors_and_its_own_members(rest: RestServer) -> None:
    answer = await rest.client.put(f"{WORKSPACE}/models/M.1/versions/1", json={"properties": {**MODEL, "x": {"y": 1}}})
    assert answer.status_code == 201
    body = answer.json()
    assert body["id"] == f"{WORKSPACE}/models/M.1/versions/1"
    assert body["name"] == "1"
    assert body["properties"]["flavors"] == {}
    assert body["properties"]["x"] == {"y": 1}
    assert body["properties"]["provisioningState"] == "Succeeded"
    assert (await rest.client.get(f"{WORKSPACE}/models/M.1/versions/1")).json() == body


async def test_the_same_model_may_be_put_again_but_not_another_path(rest: RestServer) -> None:
    path = f"{WORKSPACE}/models/m/versions/1"
    await rest.client.put(path, json={"properties": MODEL})
    again = await rest.client.put(path, json={"properties": {**MODEL, "tags": {"new": "1"}}})
    assert again.status_code == 200
    assert again.json()["properties"]["tags"] == {"new": "1"}
    refused = await rest.client.put(path, json={"properties": {**MODEL, "modelUri": f"{URI}/other"}})
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "UserError"
    assert refused.json()["error"]["message"] == "Asset paths cannot be updated."


async def test_an_environment_with_other_content_is_a_conflict(rest: RestServer) -> None:
    path = f"{WORKSPACE}/environments/e/versions/1"
    assert (await rest.client.put(path, json={"properties": {"image": "a"}})).status_code == 201
    assert (await rest.client.put(path, json={"properties": {"image": "a"}})).status_code == 200
    assert (await rest.client.put(path, json={"properties": {"image": "b"}})).status_code == 409


async def test_the_newest_version_is_the_last_created_not_the_last_changed(rest: RestServer) -> None:
    for version in ("10", "9"):
        await rest.client.put(f"{WORKSPACE}/models/m/versions/{version}", json={"properties": MODEL})
        rest.now += 1
    await rest.client.put(f"{WORKSPACE}/models/m/versions/10", json={"properties": {**MODEL, "tags": {}}})
    newest = await rest.client.get(f"{WORKSPACE}/models/m/versions?$orderBy=createdtime desc&$top=1")
    assert [v["name"] for v in newest.json()["value"]] == ["9"]
    container = (await rest.client.get(f"{WORKSPACE}/models/m")).json()["properties"]
    assert (container["latestVersion"], container["nextVersion"]) == ("9", "11")
    assert (await rest.client.get(f"{WORKSPACE}/models/none/versions?$top=1")).json() == {"value": []}
    assert (await rest.client.get(f"{WORKSPACE}/models/none")).status_code == 404
    assert (await rest.client.get(f"{WORKSPACE}/models/m/versions?$top=x")).status_code == 400


async def test_an_archived_version_is_in_the_lists_that_ask_for_it(rest: RestServer) -> None:
    path = f"{WORKSPACE}/models/m/versions/1"
    await rest.client.put(path, json={"properties": MODEL})
    whole = (await rest.client.get(path)).json()
    whole["properties"]["isArchived"] = True
    assert (await rest.client.put(path, json=whole)).status_code == 200
    counts = {}
    for view in ("ActiveOnly", "ArchivedOnly", "All"):
        answer = await rest.client.get(f"{WORKSPACE}/models/m/versions?listViewType={view}")
        counts[view] = len(answer.json()["value"])
    assert counts == {"ActiveOnly": 0, "ArchivedOnly": 1, "All": 1}
    assert (await rest.client.get(f"{WORKSPACE}/models?listViewType=None")).status_code == 400


async def test_a_container_is_archived_as_a_whole(rest: RestServer) -> None:
    await rest.client.put(f"{WORKSPACE}/models/m/versions/1", json={"properties": MODEL})
    body = {"properties": {"tags": {}, "properties": {}, "isArchived": True}}
    answer = await rest.client.put(f"{WORKSPACE}/models/m", json=body)
    assert answer.status_code == 200
    assert answer.json()["properties"]["isArchived"] is True
    assert (await rest.client.get(f"{WORKSPACE}/models?listViewType=ActiveOnly")).json() == {"value": []}


async def test_code_is_found_by_its_content_under_any_name(rest: RestServer) -> None:
    properties = {
        "codeUri": "https://h/azblob/a/c/code",
        "properties": {"hash_sha256": "4370df", "hash_version": 202208},
    }
    lookup = f"{WORKSPACE}/codes/another/versions?hash=4370df&hashVersion=202208"
    assert (await rest.client.get(lookup)).json() == {"value": []}
    put = await rest.client.put(f"{WORKSPACE}/codes/one/versions/1", json={"properties": properties})
    assert put.status_code == 201, put.text
    found = (await rest.client.get(lookup)).json()["value"]
    assert [code["id"] for code in found] == [f"{WORKSPACE}/codes/one/versions/1"]
    assert len((await rest.client.get(f"{WORKSPACE}/codes/one/versions")).json()["value"]) == 1


async def test_code_is_uploaded_to_a_signed_container_of_its_own(rest: RestServer) -> None:
    answer = await rest.client.post(
        f"{WORKSPACE}/codes/one/versions/1/startPendingUpload", json={"pendingUploadType": "TemporaryBlobReference"}
    )
    reference = answer.json()["blobReferenceForConsumption"]
    assert reference["credential"]["credentialType"] == "SAS"
    url, _, sas = reference["credential"]["sasUri"].partition("?")
    assert url == reference["blobUri"]
    put = await rest.stranger.put(f"{url}/code/score.py?{sas}", content=b"1", headers={"x-ms-blob-type": "BlockBlob"})
    assert put.status_code == 201


@pytest.mark.parametrize(
    ("path", "properties", "target"),
    [
        ("models/m/versions/1", {"modelType": "custom_model"}, "properties.modelUri"),
        ("models/m/versions/1", {"modelUri": "azureml://jobs/j/outputs/artifacts/paths/model"}, "properties.modelUri"),
        ("models/m/versions/1", {"modelUri": "runs:/r/model"}, "properties.modelUri"),
        ("codes/c/versions/1", {}, "properties.codeUri"),
        ("models/m/versions/1", {**MODEL, "tags": []}, "properties.tags"),
        ("environments/e/versions/1", {"condaFile": {"a": 1}}, "properties.condaFile"),
        ("models/-m/versions/1", MODEL, "name"),
    ],
)
async def test_what_cannot_be_is_refused(
    rest: RestServer, path: str, properties: dict[str, object], target: str
) -> None:
    answer = await rest.client.put(f"{WORKSPACE}/{path}", json={"properties": properties})
    assert answer.status_code == 400
    assert answer.json()["error"]["target"] == target


async def test_lists_leave_out_names_that_are_only_anonymous(rest: RestServer) -> None:
    for kind, body in (("models", MODEL), ("environments", {"image": "a"}), ("codes", {"codeUri": "https://x/c/f"})):
        anonymous = {**body, "isAnonymous": True}
        await rest.client.put(f"{WORKSPACE}/{kind}/unnamed/versions/1", json={"properties": anonymous})
        await rest.client.put(f"{WORKSPACE}/{kind}/both/versions/1", json={"properties": anonymous})
        await rest.client.put(
            f"{WORKSPACE}/{kind}/both/versions/2", json={"properties": {**body, "isAnonymous": False}}
        )
        listed = (await rest.client.get(f"{WORKSPACE}/{kind}?listViewType=All")).json()["value"]
        assert [container["name"] for container in listed] == ["both"], kind
        assert (await rest.client.get(f"{WORKSPACE}/{kind}/unnamed")).status_code == 200


async def test_a_container_says_when_its_first_version_came_and_its_last_changed(rest: RestServer) -> None:
    for version in ("1", "2"):
        await rest.client.put(f"{WORKSPACE}/models/m/versions/{version}", json={"properties": MODEL})
        rest.now += 60
    (listed,) = (await rest.client.get(f"{WORKSPACE}/models")).json()["value"]
    assert listed["systemData"]["createdAt"] == "2027-01-15T08:00:00.000000Z"
    assert listed["systemData"]["lastModifiedAt"] == "2027-01-15T08:01:00.000000Z"


async def test_data_is_kept_and_keeps_its_path(rest: RestServer) -> None:
    path = f"{WORKSPACE}/data/collected/versions/1"
    body = {"dataUri": "azureml://datastores/workspaceblobstore/paths/x", "dataType": "uri_folder"}
    assert (await rest.client.put(path, json={"properties": body})).status_code == 201
    assert (await rest.client.get(path)).json()["properties"]["dataUri"] == body["dataUri"]
    assert (await rest.client.put(path, json={"properties": {**body, "dataUri": "other"}})).status_code == 400
    assert [d["name"] for d in (await rest.client.get(f"{WORKSPACE}/data")).json()["value"]] == ["collected"]


async def test_a_build_without_the_name_of_its_dockerfile_has_the_usual_one(rest: RestServer) -> None:
    path = f"{WORKSPACE}/environments/built/versions/1"
    body = {"properties": {"build": {"contextUri": "https://host/azblob/azureml/a/"}}}
    first = await rest.client.put(path, json=body)
    assert first.json()["properties"]["build"]["dockerfilePath"] == "Dockerfile"
    assert (await rest.client.put(path, json=body)).status_code == 200
    assert (await rest.client.put(path, json=first.json())).status_code == 200


async def test_a_curated_environment_can_be_looked_up(rest: RestServer) -> None:
    root = f"{WORKSPACE}/environments/AzureML-sklearn-1.5/versions"
    (newest,) = (await rest.client.get(f"{root}?$orderBy=createdtime desc&$top=1")).json()["value"]
    assert newest["name"] == "1"
    assert "scikit-learn==1.5.*" in newest["properties"]["condaFile"]
    assert (await rest.client.get(f"{root}/19")).json()["name"] == "19"
    assert (await rest.client.get(f"{WORKSPACE}/environments/AzureML-other-1.0/versions/1")).status_code == 404
    assert (await rest.client.get(f"{WORKSPACE}/models/AzureML-sklearn-1.5/versions/1")).status_code == 404
    assert (await rest.client.get(f"{WORKSPACE}/environments")).json() == {"value": []}


async def test_a_conda_file_put_between_two_quotes_by_a_shell_script_is_taken(rest: RestServer) -> None:
    path = f"{WORKSPACE}/environments/sklearn-env/versions/1"
    body = '{"properties": {"condaFile": "dependencies:\n  - python=3.11\n\t", "image": "i"}}'
    made = await rest.client.put(path, content=body, headers={"Content-Type": "application/json"})
    assert made.status_code == 201
    assert made.json()["properties"]["condaFile"] == "dependencies:\n  - python=3.11\n\t"
