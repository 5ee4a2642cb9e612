from pathlib import Path

import pytest

from teal.entities import BuildContext, Environment, Model
from teal.sdk import HttpResponseError, MLClient, ResourceNotFoundError, ValidationError, uploads
from teal.sdk.folders import hash_files, list_files
from tests.harness.arm import WORKSPACE, Arm, refuse


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = tmp_path / "model"
    (model / "sub").mkdir(parents=True)
    (model / "a.bin").write_bytes(b"a")
    (model / "sub" / "B.txt").write_bytes(b"")
    return model


def test_a_folder_lies_in_the_datastore_by_its_name(client: MLClient, arm: Arm, folder: Path) -> None:
    made = client.models.create_or_update(Model(name="m", version="1", path=folder, tags={"a": 1}))
    names = [path.partition("/azureml/")[2] for path in arm.blobs]
    assert sorted(name.partition("/model/")[2] for name in names) == ["a.bin", "sub/B.txt"]
    assert all(name.startswith("LocalUpload/") for name in names)
    assert made.path == (
        "azureml://subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/teal/workspaces/default"
        f"/datastores/workspaceblobstore/paths/{names[0].partition('/model/')[0]}/model"
    )
    assert (made.name, made.version, made.type, made.tags) == ("m", "1", "custom_model", {"a": "1"})


def test_a_finished_upload_is_marked_and_not_repeated(client: MLClient, arm: Arm, folder: Path) -> None:
    first = client.models.create_or_update(Model(path=folder))
    assert [marks["upload_status"] for marks in arm.marks.values()] == ["completed"]
    sent = len(arm.requests)
    second = client.models.create_or_update(Model(path=folder))
    assert (first.name, first.version) == (second.name, "1")
    assert not [r for r in arm.requests[sent:] if r.method == "PUT" and r.url.path.startswith("/blobs")]


def test_an_unfinished_upload_is_sent_again(client: MLClient, arm: Arm, folder: Path) -> None:
    client.models.create_or_update(Model(path=folder))
    arm.marks.clear()
    sent = len(arm.requests)
    client.models.create_or_update(Model(path=folder))
    assert [r for r in arm.requests[sent:] if r.method == "PUT" and r.url.path.startswith("/blobs")]


def test_large_files_go_in_blocks(client: MLClient, arm: Arm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "BLOCKS_ABOVE_BYTES", 10)
    monkeypatch.setattr(uploads, "BLOCK_BYTES", 7)
    content = bytes(range(40))
    (tmp_path / "big.bin").write_bytes(content)
    client.models.create_or_update(Model(name="big", path=tmp_path / "big.bin"))
    assert next(blob for path, blob in arm.blobs.items() if path.endswith("big.bin")) == content


def test_a_model_without_a_version_gets_the_next(client: MLClient, arm: Arm, folder: Path) -> None:
    assert client.models.create_or_update(Model(name="m", path=folder)).version == "1"
    path = f"{WORKSPACE}/models/m"
    arm.resources[path] = {"id": path, "name": "m", "properties": {"nextVersion": "7"}}
    assert client.models.create_or_update(Model(name="m", path=folder)).version == "7"


def test_a_model_that_lies_elsewhere_is_not_sent(client: MLClient, arm: Arm) -> None:
    made = client.models.create_or_update(Model(name="m", version="1", path="azureml://datastores/d/paths/x"))
    assert made.path == "azureml://datastores/d/paths/x"
    assert not arm.blobs


def test_an_mlflow_model_is_a_folder(client: MLClient, folder: Path) -> None:
    with pytest.raises(ValidationError, match="is a folder with an MLmodel file"):
        client.models.create_or_update(Model(path=folder / "a.bin", type="mlflow_model"))


def test_a_path_that_is_not_there_is_named(client: MLClient, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"No such file or folder: .*nowhere"):
        client.models.create_or_update(Model(path=tmp_path / "nowhere"))


def test_a_version_that_holds_other_files_says_how_to_go_on(client: MLClient, arm: Arm, folder: Path) -> None:
    arm.instead["/models/m/versions/1"] = refuse(400, "UserError", "Asset paths cannot be updated.")
    with pytest.raises(HttpResponseError) as raised:
        client.models.create_or_update(Model(name="m", version="1", path=folder))
    assert "m:1 holds other files" in str(raised.value.hint)


def test_links_are_followed_and_never_in_circles(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "c.bin").write_bytes(b"c")
    (folder / "sub" / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "again").symlink_to(tmp_path / "elsewhere")
    (folder / "sub" / "up").symlink_to(folder)
    assert [file.name for file in list_files(folder)] == ["a.bin", "again/c.bin", "sub/B.txt", "sub/linked/c.bin"]


def test_latest_is_the_newest_version(client: MLClient, folder: Path) -> None:
    for version in ("1", "2"):
        client.models.create_or_update(Model(name="m", version=version, path=folder))
    assert client.models.get("m", label="latest").version == "2"
    assert client.models.get("m").version == "2"
    assert client.models.get("m", version="1").version == "1"
    assert [model.version for model in client.models.list("m")] == ["2", "1"]
    with pytest.raises(ResourceNotFoundError, match="no model named 'none'"):
        client.models.get("none")


def test_archiving_a_version_keeps_what_it_says(client: MLClient, arm: Arm, folder: Path) -> None:
    client.models.create_or_update(Model(name="m", version="1", path=folder, description="d"))
    client.models.archive("m", version="1")
    sent = arm.sent("PUT", "/models/m/versions/1")[-1]["properties"]
    assert (sent["isArchived"], sent["description"]) == (True, "d")


def test_conda_goes_inline_with_its_keys_sorted(client: MLClient, arm: Arm, tmp_path: Path) -> None:
    (tmp_path / "conda.yaml").write_text("name: x\ndependencies: [python]\n")
    made = client.environments.create_or_update(
        Environment(name="py", version="1", image="python:3.11", conda_file=tmp_path / "conda.yaml")
    )
    sent = arm.sent("PUT", "/environments/py/versions/1")[0]["properties"]
    assert sent["condaFile"] == "dependencies:\n- python\nname: x\n"
    assert made.conda_file == {"name": "x", "dependencies": ["python"]}


def test_equal_anonymous_environments_are_one(client: MLClient) -> None:
    first = client.environments.create_or_update(Environment(image="i", conda_file={"dependencies": ["a"]}))
    second = client.environments.create_or_update(Environment(image="i", conda_file={"dependencies": ["a"]}))
    other = client.environments.create_or_update(Environment(image="i", conda_file={"dependencies": ["b"]}))
    assert first.version == second.version != other.version
    assert first.name == "CliV2AnonymousEnvironment"


def test_a_changed_environment_without_a_version_gets_the_next(client: MLClient, arm: Arm) -> None:
    path = f"{WORKSPACE}/environments/py"
    arm.resources[path] = {"id": path, "name": "py", "properties": {"latestVersion": "4", "nextVersion": "5"}}
    arm.instead["/environments/py/versions/4"] = refuse(409, "Conflict", "another content")
    assert client.environments.create_or_update(Environment(name="py", image="i")).version == "5"


def test_a_build_context_is_sent_and_named(client: MLClient, arm: Arm, tmp_path: Path) -> None:
    (tmp_path / "ctx").mkdir()
    (tmp_path / "ctx" / "Dockerfile").write_text("FROM scratch\n")
    build = BuildContext(path=tmp_path / "ctx", dockerfile_path="Dockerfile")
    client.environments.create_or_update(Environment(name="d", version="1", build=build))
    sent = arm.sent("PUT", "/environments/d/versions/1")[0]["properties"]["build"]
    assert sent["contextUri"].endswith("/ctx/")
    assert sent["dockerfilePath"] == "Dockerfile"


def test_ignored_files_stay_at_home_and_the_ignore_file_goes(tmp_path: Path) -> None:
    for name in ("score.py", "notes.log", "data/big.csv", "__pycache__/score.pyc", ".gitignore"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / ".gitignore").write_text("*\n")
    (tmp_path / ".amlignore").write_text("*.log\ndata/\n.*\n")
    assert [file.name for file in list_files(tmp_path)] == [".amlignore", "score.py"]


def test_the_hash_of_code_is_the_one_the_wire_describes(tmp_path: Path) -> None:
    import hashlib

    (tmp_path / "b.py").write_bytes(b"two")
    (tmp_path / "A.py").write_bytes(b"1")
    written = hashlib.sha256(b"2" + b"#A.py#1" + b"#b.py#3" + b"1" + b"two").hexdigest()
    assert hash_files(list_files(tmp_path)) == written


def test_a_folder_where_everything_is_ignored_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValidationError, match="holds no files"):
        list_files(tmp_path / "empty")
