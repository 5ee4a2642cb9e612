"""Registered models and environments through the stock client: versions, labels, archives, reuse, downloads."""

import hashlib
import os
from pathlib import Path

import pytest
from azure.ai.ml.entities import BuildContext, Data, Environment, Model
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.azure.workbench import CONDA, IMAGE, Workbench


def count_objects(bench: Workbench) -> int:
    return len(list((bench.server.data_dir / "blobs" / "objects").glob("*/*")))


def read_folder(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_models_get_versions_of_their_own_and_are_found_by_label(bench: Workbench) -> None:
    models = bench.client.models
    for number in ("1", "2"):
        file = bench.write(f"v{number}/model.txt", f"content {number}")
        made = models.create_or_update(Model(name="versions", path=str(file), tags={"n": number}, description="d"))
        assert (made.name, made.version, made.tags, made.description) == ("versions", number, {"n": number}, "d")
    assert models.get("versions", label="latest").version == "2"
    assert [m.version for m in models.list("versions")] == ["2", "1"]
    assert "versions" in [m.name for m in models.list()]
    found = models.get("versions", "1")
    found.tags = {"n": "changed"}
    assert models.create_or_update(found).tags == {"n": "changed"}
    assert models.get("versions", label="latest").version == "2"
    with pytest.raises(ResourceNotFoundError, match="no version '9'"):
        models.get("versions", "9")


def test_the_files_of_a_version_never_change(bench: Workbench) -> None:
    models = bench.client.models
    first = bench.write("first.txt", "first")
    models.create_or_update(Model(name="fixed", version="1", path=str(first)))
    assert models.create_or_update(Model(name="fixed", version="1", path=str(first))).version == "1"
    with pytest.raises(Exception, match=r"(?i)already (exists|registered)|cannot be (updated|changed)"):
        models.create_or_update(Model(name="fixed", version="1", path=str(bench.write("second.txt", "second"))))
    assert models.get("fixed", "1").path.endswith("first.txt")


def test_archived_models_are_listed_only_for_those_who_ask(bench: Workbench) -> None:
    from azure.ai.ml.constants import ListViewType

    models = bench.client.models
    for number in ("1", "2"):
        models.create_or_update(Model(name="old", version=number, path=str(bench.write("m.txt", number))))
    models.archive("old", version="2")
    assert [m.version for m in models.list("old")] == ["1"]
    assert [m.version for m in models.list("old", list_view_type=ListViewType.ARCHIVED_ONLY)] == ["2"]
    assert models.get("old", label="latest").version == "1"
    models.restore("old", version="2")
    assert [m.version for m in models.list("old")] == ["2", "1"]
    models.archive("old")
    assert "old" not in [m.name for m in models.list()]
    assert "old" in [m.name for m in models.list(list_view_type=ListViewType.ALL)]
    models.restore("old")
    assert "old" in [m.name for m in models.list()]


def test_a_folder_comes_back_as_it_went(bench: Workbench) -> None:
    for path, content in {
        "folder/plain.txt": b"plain",
        "folder/empty": b"",
        "folder/sub/äöü ñ 漢字 🙂.txt": b"unicode",
        "folder/sub/with space & #hash %41+plus.txt": b"marks",
        "folder/sub/deep/er/binary": os.urandom(100_000),
        "folder/left-out.log": b"ignored",
        "folder/cache/left-out": b"ignored",
        "folder/.amlignore": b"*.log\ncache/\n",
    }.items():
        bench.write(path, content)
    bench.client.models.create_or_update(Model(name="folder", version="1", path=str(bench.folder / "folder")))
    bench.client.models.download("folder", "1", download_path=str(bench.folder / "back"))
    wanted = read_folder(bench.folder / "folder")
    del wanted["left-out.log"], wanted["cache/left-out"]
    (came,) = (bench.folder / "back" / "folder").iterdir()
    assert came.name == "folder"
    assert read_folder(came) == wanted


def test_a_file_over_64_mib_goes_in_blocks_and_comes_back_whole(bench: Workbench) -> None:
    file = bench.write("large.bin", b"")
    with file.open("wb") as out:
        for _ in range(70):
            out.write(os.urandom(1024 * 1024))
    bench.client.models.create_or_update(Model(name="large", version="1", path=str(file)))
    bench.client.models.download("large", "1", download_path=str(bench.folder / "back"))
    (came,) = (path for path in (bench.folder / "back").rglob("*") if path.is_file())
    assert came.stat().st_size == file.stat().st_size
    digests = [hashlib.file_digest(path.open("rb"), "sha256").digest() for path in (file, came)]
    assert digests[0] == digests[1]


def test_a_folder_of_a_thousand_files(bench: Workbench) -> None:
    for number in range(1000):
        bench.write(f"many/{number % 10}/{number}.txt", f"{number}")
    made = bench.client.models.create_or_update(Model(name="many", version="1", path=str(bench.folder / "many")))
    prefix = made.path.partition("/paths/")[2]
    assert len(bench.list_blobs(prefix)) == 1000


def test_equal_files_are_sent_once(bench: Workbench) -> None:
    file = bench.write("same.txt", "the same")
    first = bench.client.models.create_or_update(Model(name="same-a", version="1", path=str(file)))
    before = count_objects(bench)
    second = bench.client.models.create_or_update(Model(name="same-b", version="1", path=str(file)))
    assert first.path.partition("/paths/")[2] == second.path.partition("/paths/")[2]
    assert count_objects(bench) == before


def test_environments_get_a_new_version_only_for_new_content(bench: Workbench) -> None:
    environments = bench.client.environments
    conda = bench.write("conda.yaml", CONDA)
    made = [
        environments.create_or_update(Environment(name="env", image=image, conda_file=str(conda))).version
        for image in (IMAGE, IMAGE, f"{IMAGE}-2", f"{IMAGE}-2")
    ]
    assert made == ["1", "1", "2", "2"]
    assert environments.get("env", label="latest").version == "2"
    assert environments.get("env", "1").conda_file["dependencies"][0] == "python=3.11"
    with pytest.raises(HttpResponseError):
        environments.create_or_update(Environment(name="env", version="1", image="another", conda_file=str(conda)))
    environments.archive("env", version="1")
    assert [e.version for e in environments.list("env")] == ["2"]
    environments.restore("env", version="1")
    assert [e.version for e in environments.list("env")] == ["2", "1"]
    environments.archive("env")
    assert "env" not in [e.name for e in environments.list()]
    environments.restore("env")


def test_the_folder_of_a_dockerfile_is_kept(bench: Workbench) -> None:
    bench.write("context/Dockerfile", "FROM python:3.11\n")
    bench.write("context/sub/file", "x")
    made = bench.client.environments.create_or_update(
        Environment(name="built", version="1", build=BuildContext(path=str(bench.folder / "context")))
    )
    assert made.build.dockerfile_path == "Dockerfile"
    assert made.build.path.endswith("/")


def test_data_is_kept_for_those_who_refer_to_it(bench: Workbench) -> None:
    path = "azureml://datastores/workspaceblobstore/paths/collected/"
    made = bench.client.data.create_or_update(Data(name="collected", version="1", path=path, type="uri_folder"))
    assert (made.name, made.version) == ("collected", "1")
    assert bench.client.data.get("collected", "1").path == path
    assert [d.name for d in bench.client.data.list()] == ["collected"]


def test_computes_are_none(bench: Workbench) -> None:
    assert list(bench.client.compute.list()) == []
    with pytest.raises(ResourceNotFoundError, match="k8s"):
        bench.client.compute.get("k8s")


def test_the_workspace_and_its_datastore_are_there_once_named(bench: Workbench) -> None:
    workspace = bench.client.workspaces.get("my-workspace")
    assert (workspace.name, workspace.location, workspace.resource_group) == ("my-workspace", "local", "my-group")
    assert "my-workspace" in [w.name for w in bench.client.workspaces.list()]
    assert bench.client.datastores.get_default().name == "workspaceblobstore"
    assert [d.name for d in bench.client.datastores.list()] == ["workspaceblobstore"]
