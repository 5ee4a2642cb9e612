"""MLflow's registry over REST, and that it is the one that ARM's clients see."""

from typing import Any

import httpx
import pytest

from tests.harness.rest import ENDPOINTS, WORKSPACE, RestServer

API = f"/mlflow/v2.0{WORKSPACE}/api/2.0/mlflow"
ARTIFACTS = f"/artifact/v2.0{WORKSPACE}/artifacts"
AZURE = {"User-Agent": "mlflow-python-client/3.15.0 azureml-mlflow/1.62.0.post6"}
ML_MODEL = "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    python_version: 3.11.7\n"


class Registry:
    """Calls as MLflow's clients send them."""

    def __init__(self, rest: RestServer) -> None:
        self.rest = rest

    async def send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        return await self.rest.client.request(method, f"{API}/{path}", headers=AZURE, **arguments)

    async def must(self, method: str, path: str, **arguments: Any) -> Any:
        answer = await self.send(method, path, **arguments)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refused(self, method: str, path: str, **arguments: Any) -> tuple[int, str, str]:
        answer = await self.send(method, path, **arguments)
        body = answer.json()
        return answer.status_code, body["error_code"], body["message"]

    async def upload(self, place: str, files: dict[str, str]) -> None:
        """As the plugin does it: addresses first, then every file to its own."""
        asked = {"paths": [{"path": path} for path in files]}
        answer = await self.rest.client.post(f"{ARTIFACTS}/{place}/batch/metadata", json=asked)
        assert answer.status_code == 200, answer.text
        addresses = answer.json()["artifactContentInformation"]
        for path, content in files.items():
            headers = {"x-ms-blob-type": "BlockBlob", "If-None-Match": "*"}
            sent = await self.rest.stranger.put(addresses[path]["contentUri"], content=content, headers=headers)
            assert sent.status_code == 201, sent.text

    async def register(self, name: str = "m", container: str = "c1", **more: Any) -> Any:
        await self.send("POST", "registered-models/create", json={"name": name})
        await self.upload(f"LocalUpload/{container}", {"model/MLmodel": ML_MODEL, "model/a.pkl": "x"})
        source = f"azureml://artifacts/LocalUpload/{container}/model"
        made = await self.must("POST", "model-versions/create", json={"name": name, "source": source, **more})
        return made["model_version"]

    async def arm(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.rest.client.request(method, f"{WORKSPACE}{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()


@pytest.fixture
def registry(rest: RestServer) -> Registry:
    return Registry(rest)


def arm_model(path: str = "LocalUpload/h/model", **more: Any) -> dict[str, Any]:
    uri = f"azureml://subscriptions/sub/resourcegroups/rg/workspaces/ws/datastores/workspaceblobstore/paths/{path}"
    return {"properties": {"modelType": "custom_model", "modelUri": uri, **more}}


async def test_a_name_exists_before_its_versions(registry: Registry) -> None:
    body = {"name": "m", "description": "d", "tags": [{"key": "a", "value": "b"}]}
    made = (await registry.must("POST", "registered-models/create", json=body))["registered_model"]
    assert (made["name"], made["description"], made["tags"]) == ("m", "d", [{"key": "a", "value": "b"}])
    assert (await registry.arm("GET", "/models/m"))["properties"]["nextVersion"] == "1"
    assert [each["name"] for each in (await registry.arm("GET", "/models"))["value"]] == ["m"]
    assert await registry.must("GET", "model-versions/search", params={"filter": "name = 'm'"}) == {
        "model_versions": []
    }
    status, code, _ = await registry.refused("POST", "registered-models/create", json={"name": "m"})
    assert (status, code) == (400, "RESOURCE_ALREADY_EXISTS")


async def test_versions_are_numbered_across_both_clients(registry: Registry) -> None:
    assert (await registry.register())["version"] == "1"
    await registry.arm("PUT", "/models/m/versions/2", arm_model())
    third = await registry.register(container="c3")
    assert (third["version"], third["status"]) == ("3", "READY")
    assert (await registry.arm("GET", "/models/m"))["properties"]["nextVersion"] == "4"
    found = await registry.must("GET", "model-versions/search", params={"filter": "name = 'm'"})
    assert [each["version"] for each in found["model_versions"]] == ["3", "2", "1"], "newest first"
    versions = (await registry.arm("GET", "/models/m/versions"))["value"]
    assert [each["name"] for each in versions] == ["3", "2", "1"]
    assert versions[0]["properties"]["modelType"] == "mlflow_model"
    assert versions[0]["properties"]["flavors"]["python_function"]["loader_module"] == "mlflow.sklearn"


async def test_both_clients_are_given_the_same_bytes_by_their_own_kind_of_address(registry: Registry) -> None:
    await registry.register()
    arm = (await registry.arm("GET", "/models/m/versions/1"))["properties"]["modelUri"]
    assert arm.endswith("/datastores/workspaceblobstore/paths/LocalUpload/c1/model")
    asked = {"name": "m", "version": "1"}
    uri = (await registry.must("GET", "model-versions/get-download-uri", params=asked))["artifact_uri"]
    assert uri == "azureml://artifacts/LocalUpload/c1/model"
    others = await registry.rest.client.get(f"{API}/model-versions/get-download-uri", params=asked)
    assert others.json()["artifact_uri"].startswith("teal://127.0.0.1:")
    await registry.arm("PUT", "/models/arm/versions/x", arm_model("top.pkl"))
    shallow = await registry.must("GET", "model-versions/get-download-uri", params={"name": "arm", "version": "x"})
    assert shallow["artifact_uri"] == "azureml://artifacts/Datastore/workspaceblobstore/top.pkl"


async def test_artifacts_are_listed_and_read(registry: Registry) -> None:
    await registry.upload("LocalUpload/c1", {"model/MLmodel": ML_MODEL, "model/a ä.txt": "text"})
    listed = (await registry.rest.client.get(f"{ARTIFACTS}/LocalUpload/c1")).json()["value"]
    assert [each["path"] for each in listed] == ["model/MLmodel", "model/a ä.txt"]
    address = f"{ARTIFACTS}/LocalUpload/c1/contentinfo"
    found = await registry.rest.client.get(address, params={"path": "model/a ä.txt"})
    assert (await registry.rest.stranger.get(found.json()["contentUri"])).text == "text"
    missing = await registry.rest.client.get(address, params={"path": "model/b"})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "NotFound")
    outside = await registry.rest.client.get(address, params={"path": "../../secret"})
    assert outside.status_code == 400


async def test_a_run_that_logs_again_replaces_what_it_logged_but_not_what_was_registered(registry: Registry) -> None:
    place = "ExperimentRun/exp"
    await registry.upload(place, {"run/artifacts/model/MLmodel": ML_MODEL, "run/artifacts/model/a.pkl": "first"})
    await registry.must("POST", "registered-models/create", json={"name": "m"})
    source = f"azureml://artifacts/{place}/run/artifacts/model"
    made = await registry.must("POST", "model-versions/create", json={"name": "m", "source": source, "run_id": "run"})
    assert (made["model_version"]["source"], made["model_version"]["run_id"]) == (source, "run")
    await registry.upload(place, {"run/artifacts/model/a.pkl": "second"})
    uri = await registry.must("GET", "model-versions/get-download-uri", params={"name": "m", "version": "1"})
    origin, container, path = uri["artifact_uri"].removeprefix("azureml://artifacts/").split("/", 2)
    assert origin == "LocalUpload"
    found = await registry.rest.client.get(
        f"{ARTIFACTS}/{origin}/{container}/contentinfo", params={"path": f"{path}/a.pkl"}
    )
    assert (await registry.rest.stranger.get(found.json()["contentUri"])).text == "first"


async def test_what_is_no_model_is_refused_when_it_is_registered(registry: Registry) -> None:
    await registry.must("POST", "registered-models/create", json={"name": "m"})
    await registry.upload("LocalUpload/c1", {"model/a.pkl": "x"})
    await registry.upload("LocalUpload/c2", {"model/MLmodel": "flavors: [", "other/MLmodel": "a: b"})

    async def register(source: str, name: str = "m") -> tuple[int, str, str]:
        return await registry.refused("POST", "model-versions/create", json={"name": name, "source": source})

    status, code, message = await register("azureml://artifacts/LocalUpload/c1/model")
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert "'model' has no file 'MLmodel'" in message
    assert "a.pkl" in message
    assert "It has no files" in (await register("azureml://artifacts/LocalUpload/none/model"))[2]
    assert "cannot be read" in (await register("azureml://artifacts/LocalUpload/c2/model"))[2]
    assert "names no flavors" in (await register("azureml://artifacts/LocalUpload/c2/other"))[2]
    assert "not in the store" in (await register("/etc"))[2]
    await registry.upload("LocalUpload/c3", {"model/MLmodel": ML_MODEL})
    status, code, message = await register("azureml://artifacts/LocalUpload/c3/model", "none")
    assert (status, code) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert "Make it first with create_registered_model" in message


async def test_what_is_no_model_is_refused_through_the_other_door_too(registry: Registry) -> None:
    wrong = {
        "a": ({"heart/MLmodel": "flavors: {python_function: {data: ../../secret}}"}, "outside its folder", "Invalid"),
        "b": ({"heart/MLmodel": "{"}, "cannot be read", "Invalid"),
        "c": ({"heart/model.pkl": "x"}, "have no MLmodel", "NotFound"),
    }
    for container, (files, words, code) in wrong.items():
        await registry.upload(f"LocalUpload/{container}", files)
        body = arm_model(f"LocalUpload/{container}/heart", modelType="mlflow_model")
        answer = await registry.rest.client.put(f"{WORKSPACE}/models/m/versions/1", json=body)
        assert answer.status_code == 400
        assert words in answer.json()["error"]["message"]
        assert answer.json()["error"]["code"] == f"MlflowModel{code}"
    await registry.must("POST", "registered-models/create", json={"name": "m"})
    source = {"name": "m", "source": "azureml://artifacts/LocalUpload/a/heart"}
    assert "outside its folder" in (await registry.refused("POST", "model-versions/create", json=source))[2]


async def test_an_alias_is_a_label_of_arm(registry: Registry) -> None:
    await registry.register()
    await registry.register(container="c2")
    await registry.must("POST", "registered-models/alias", json={"name": "m", "alias": "champion", "version": "1"})
    asked = {"name": "m", "alias": "champion"}
    found = await registry.must("GET", "registered-models/alias", params=asked)
    assert (found["model_version"]["version"], found["model_version"]["aliases"]) == ("1", ["champion"])
    assert (await registry.arm("GET", "/models/m"))["properties"]["aliases"] == {"champion": "1"}
    await registry.arm("PUT", "/models/m", {"properties": {"isArchived": False, "tags": {}}})
    assert (await registry.must("GET", "registered-models/alias", params=asked))["model_version"]["version"] == "1"

    await registry.arm("PUT", "/onlineEndpoints/ep1", {"properties": {}})
    for name, model, version in (
        ("by-alias", "azureml:m@champion", "1"),
        ("by-latest", "azureml:m@latest", "2"),
        ("by-word", f"{WORKSPACE}/models/m/versions/latest", "2"),
        ("by-plugin", f"{WORKSPACE}/models/models:/versions/m@champion", "1"),
    ):
        body = {"properties": {"model": model, "instanceType": "Standard_DS2_v2"}, "sku": {"capacity": 1}}
        made = await registry.arm("PUT", f"/onlineEndpoints/ep1/deployments/{name}", body)
        assert made["properties"]["model"] == f"{WORKSPACE}/models/m/versions/{version}", name
    body["properties"]["model"] = f"{WORKSPACE}/models/models:/versions/m-0123"  # type: ignore[index]
    answer = await registry.rest.client.put(f"{ENDPOINTS}/ep1/deployments/x-1", json=body)
    assert answer.status_code == 400
    assert "Register it first" in answer.json()["error"]["message"]

    await registry.must("DELETE", "registered-models/alias", json=asked)
    status, code, message = await registry.refused("GET", "registered-models/alias", params=asked)
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert "no alias 'champion'" in message


async def test_what_is_archived_by_one_client_is_archived_for_the_other(registry: Registry) -> None:
    await registry.register()
    await registry.register(container="c2")
    moved = await registry.must(
        "POST", "model-versions/transition-stage", json={"name": "m", "version": "1", "stage": "Archived"}
    )
    assert moved["model_version"]["current_stage"] == "Archived"
    assert [v["name"] for v in (await registry.arm("GET", "/models/m/versions"))["value"]] == ["2"]
    archived = (await registry.arm("GET", "/models/m/versions/1"))["properties"]
    assert (archived["isArchived"], archived["stage"]) == (True, "Archived")
    await registry.arm("PUT", "/models/m/versions/1", {"properties": {**archived, "isArchived": False}})
    restored = await registry.must("GET", "model-versions/get", params={"name": "m", "version": "1"})
    assert restored["model_version"]["current_stage"] == "None"

    second = (await registry.arm("GET", "/models/m/versions/2"))["properties"]
    await registry.arm("PUT", "/models/m/versions/2", {"properties": {**second, "isArchived": True}})
    found = await registry.must("GET", "model-versions/get", params={"name": "m", "version": "2"})
    assert found["model_version"]["current_stage"] == "Archived"
    await registry.arm("PUT", "/models/m", {"properties": {"isArchived": True}})
    assert (await registry.must("GET", "registered-models/search"))["registered_models"] == []


async def test_stages_take_each_others_place(registry: Registry) -> None:
    for container in ("c1", "c2", "c3"):
        await registry.register(container=container)
    move = {"name": "m", "stage": "production", "archive_existing_versions": True}
    await registry.must("POST", "model-versions/transition-stage", json={**move, "version": "1"})
    await registry.must("POST", "model-versions/transition-stage", json={**move, "version": "2"})
    latest = await registry.must("POST", "registered-models/get-latest-versions", json={"name": "m"})
    stages = {each["version"]: each["current_stage"] for each in latest["model_versions"]}
    assert stages == {"3": "None", "2": "Production", "1": "Archived"}
    one = await registry.must(
        "GET", "registered-models/get-latest-versions", params={"name": "m", "stages": ["Production"]}
    )
    assert [each["version"] for each in one["model_versions"]] == ["2"]
    searched = (await registry.must("GET", "registered-models/search"))["registered_models"][0]
    assert {each["version"]: each["current_stage"] for each in searched["latest_versions"]} == stages
    wrong = {**move, "version": "3", "stage": "None"}
    assert (
        "Staging and Production only"
        in (await registry.refused("POST", "model-versions/transition-stage", json=wrong))[2]
    )


async def test_a_stage_is_the_same_in_any_letters_and_from_either_client(registry: Registry) -> None:
    for version, stage in (("1", "production"), ("2", "STAGING"), ("3", "Development")):
        await registry.arm("PUT", f"/models/m/versions/{version}", arm_model(stage=stage))
    latest = {"name": "m", "stages": ["PRODUCTION", "staging"]}
    found = await registry.must("POST", "registered-models/get-latest-versions", json=latest)
    assert [(each["version"], each["current_stage"]) for each in found["model_versions"]] == [
        ("2", "Staging"),
        ("1", "Production"),
    ]
    unknown = await registry.must("GET", "model-versions/get", params={"name": "m", "version": "3"})
    assert unknown["model_version"]["current_stage"] == "None", "MLflow has no such stage"
    listed = await registry.arm("GET", "/models/m/versions")
    assert [each["properties"]["stage"] for each in listed["value"]] == ["Development", "Staging", "Production"]
    for asked, expected in (("PRODUCTION", ["1"]), ("development", ["3"]), ("Archived", [])):
        listed = await registry.arm("GET", f"/models/m/versions?stage={asked}")
        assert [each["name"] for each in listed["value"]] == expected


async def test_a_deleted_number_is_not_given_out_again(registry: Registry) -> None:
    await registry.register()
    await registry.register(container="c2")
    await registry.must("POST", "registered-models/alias", json={"name": "m", "alias": "new", "version": "2"})
    await registry.must("DELETE", "model-versions/delete", json={"name": "m", "version": "2"})
    assert (await registry.arm("GET", "/models/m"))["properties"]["nextVersion"] == "3"
    assert (await registry.refused("GET", "registered-models/alias", params={"name": "m", "alias": "new"}))[0] == 400
    assert (await registry.register(container="c3"))["version"] == "3"
    await registry.must("DELETE", "registered-models/delete", json={"name": "m"})
    assert (await registry.arm("GET", "/models"))["value"] == []


async def test_what_arm_deletes_is_gone_for_both(registry: Registry) -> None:
    await registry.register()
    await registry.register(container="c2")
    delete = registry.rest.client.delete
    assert (await delete(f"{WORKSPACE}/models/m/versions/2")).status_code == 200
    assert (await delete(f"{WORKSPACE}/models/m/versions/2")).status_code == 204
    found = await registry.must("GET", "model-versions/search", params={"filter": "name = 'm'"})
    assert [each["version"] for each in found["model_versions"]] == ["1"]
    await registry.arm("PUT", "/onlineEndpoints/ep1", {"properties": {}})
    body = {"properties": {"model": "azureml:m:1", "instanceType": "Standard_DS2_v2"}, "sku": {"capacity": 1}}
    await registry.arm("PUT", "/onlineEndpoints/ep1/deployments/blue", body)
    refused = await delete(f"{WORKSPACE}/models/m")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "ModelInUse")
    await registry.register(name="n", container="c9")
    assert (await delete(f"{WORKSPACE}/models/n")).status_code == 200
    assert (await registry.refused("GET", "registered-models/get", params={"name": "n"}))[0] == 404


async def test_what_is_deployed_cannot_be_taken_away(registry: Registry) -> None:
    await registry.register()
    await registry.arm("PUT", "/onlineEndpoints/ep1", {"properties": {}})
    body = {"properties": {"model": "azureml:m:1", "instanceType": "Standard_DS2_v2"}, "sku": {"capacity": 1}}
    await registry.arm("PUT", "/onlineEndpoints/ep1/deployments/blue", body)
    for method, path, more in (
        ("DELETE", "model-versions/delete", {"version": "1"}),
        ("DELETE", "registered-models/delete", {}),
        ("POST", "registered-models/rename", {"new_name": "n"}),
    ):
        status, code, message = await registry.refused(method, path, json={"name": "m", **more})
        assert (status, code) == (400, "INVALID_STATE")
        assert "deployed as 'blue' in the endpoint 'ep1'" in message


async def test_tags_descriptions_and_names_are_those_of_arm(registry: Registry) -> None:
    await registry.register(tags=[{"key": "a", "value": "1"}])
    await registry.must("POST", "model-versions/set-tag", json={"name": "m", "version": "1", "key": "b", "value": "2"})
    await registry.must("DELETE", "model-versions/delete-tag", json={"name": "m", "version": "1", "key": "a"})
    await registry.must("PATCH", "model-versions/update", json={"name": "m", "version": "1", "description": "d"})
    properties = (await registry.arm("GET", "/models/m/versions/1"))["properties"]
    assert (properties["tags"], properties["description"]) == ({"b": "2"}, "d")
    await registry.must("POST", "registered-models/set-tag", json={"name": "m", "key": "k", "value": "v"})
    await registry.must("PATCH", "registered-models/update", json={"name": "m", "description": "whole"})
    container = (await registry.arm("GET", "/models/m"))["properties"]
    assert (container["tags"], container["description"]) == ({"k": "v"}, "whole")
    await registry.must("DELETE", "registered-models/delete-tag", json={"name": "m", "key": "k"})
    renamed = await registry.must("POST", "registered-models/rename", json={"name": "m", "new_name": "n"})
    assert renamed["registered_model"]["tags"] == []
    assert (await registry.arm("GET", "/models/n/versions/1"))["properties"]["tags"] == {"b": "2"}


async def test_searches_come_in_pages_and_by_what_is_asked(registry: Registry) -> None:
    for index in range(5):
        tags = [{"key": "owner", "value": "x" if index % 2 else "y"}]
        await registry.register(name=f"m{index}", container=f"c{index}", tags=tags)
    first = await registry.must("GET", "model-versions/search", params={"max_results": 2})
    rest = await registry.must(
        "GET", "model-versions/search", params={"max_results": 10, "page_token": first["next_page_token"]}
    )
    assert [each["name"] for each in first["model_versions"] + rest["model_versions"]] == ["m4", "m3", "m2", "m1", "m0"]
    assert "next_page_token" not in rest
    owned = await registry.must(
        "GET", "model-versions/search", params={"filter": "tags.owner = 'x'", "order_by": "name ASC"}
    )
    assert [each["name"] for each in owned["model_versions"]] == ["m1", "m3"]
    prompt = "tag.`mlflow.prompt.is_prompt` != 'true'"
    models = await registry.must("GET", "registered-models/search", params={"filter": prompt, "max_results": 3})
    assert [each["name"] for each in models["registered_models"]] == ["m0", "m1", "m2"]
    others = await registry.must(
        "GET", "registered-models/search", params={"page_token": models["next_page_token"], "max_results": 3}
    )
    assert [each["name"] for each in others["registered_models"]] == ["m3", "m4"]
    assert (await registry.refused("GET", "model-versions/search", params={"max_results": 0}))[0] == 400
    assert (await registry.refused("GET", "model-versions/search", params={"filter": "x"}))[
        1
    ] == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("name DESC", ["m3", "m2", "m1"]),
        ("creation_timestamp DESC", ["m3", "m2", "m1"]),
        ("last_updated_timestamp DESC", ["m1", "m3", "m2"]),
        ("timestamp", ["m2", "m3", "m1"]),
    ],
)
async def test_registered_models_come_in_the_order_that_is_asked_for(
    registry: Registry, order: str, names: list[str]
) -> None:
    assert not (await registry.must("GET", "registered-models/search", params={"order_by": order}))["registered_models"]
    for name in ("m1", "m2", "m3"):
        await registry.must("POST", "registered-models/create", json={"name": name})
        registry.rest.now += 1
    await registry.register(name="m1")  # a new version is a change of its model
    found, token = [], None
    while token != "":
        asked = {"order_by": order, "max_results": 1, **({"page_token": token} if token else {})}
        page = await registry.must("GET", "registered-models/search", params=asked)
        found += [each["name"] for each in page["registered_models"]]
        token = page.get("next_page_token", "")
    assert found == names


async def test_errors_have_the_shape_that_mlflow_shows(registry: Registry) -> None:
    assert (await registry.refused("GET", "registered-models/get", params={"name": "m"}))[:2] == (
        404,
        "RESOURCE_DOES_NOT_EXIST",
    )
    status, code, message = await registry.refused("POST", "experiments/create", json={"name": "e"})
    assert (status, code) == (404, "ENDPOINT_NOT_FOUND")
    assert "teal-endpoints[mlflow]" in message
    answer = await registry.rest.stranger.get(f"{API}/registered-models/search")
    assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHENTICATED")
    prompt = {"name": "p", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]}
    assert "Prompts" in (await registry.refused("POST", "registered-models/create", json=prompt))[2]


async def test_services_of_the_first_generation_are_none(registry: Registry) -> None:
    root = f"/modelmanagement/v1.0{WORKSPACE}/services"
    assert (await registry.rest.client.get(root, params={"computeType": "ACI"})).json() == {"value": []}
    answer = await registry.rest.client.get(f"{root}/x")
    assert answer.status_code == 404
    assert "NoSuchService" in answer.text


async def test_paths_are_known_in_any_case_and_under_both_versions(registry: Registry) -> None:
    await registry.register()
    for path in (API.replace("v2.0", "v1.0"), API.replace("resourceGroups", "resourcegroups")):
        answer = await registry.rest.client.get(f"{path}/registered-models/get", params={"name": "m"})
        assert answer.status_code == 200, answer.text
