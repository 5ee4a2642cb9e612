"""Fetching a model: its files as they were sent, and nothing outside the folder asked for."""

from pathlib import Path

import pytest

from teal.entities import Model
from teal.sdk import MLClient, TealError, ValidationError
from tests.harness.arm import WORKSPACE, Arm


def test_a_folder_comes_back_as_it_was_sent(arm: Arm, client: MLClient, tmp_path: Path) -> None:
    model = tmp_path / "weights"
    for name, content in (("a.bin", b"1" * 100), ("deep/er/b.txt", b"2"), ("deep/empty", b""), ("ü ß.txt", b"3")):
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).write_bytes(content)
    client.models.create_or_update(Model(name="m", version="1", path=model))
    client.models.download("m", "1", download_path=tmp_path / "here")
    fetched = tmp_path / "here" / "m" / "weights"
    assert {
        path.relative_to(fetched).as_posix(): path.read_bytes() for path in fetched.rglob("*") if path.is_file()
    } == {
        "a.bin": b"1" * 100,
        "deep/er/b.txt": b"2",
        "deep/empty": b"",
        "ü ß.txt": b"3",
    }


def test_a_file_comes_back_under_its_name(arm: Arm, client: MLClient, tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(b"weights")
    (tmp_path / "m.pkl.md").write_bytes(b"about")
    client.models.create_or_update(Model(name="m", version="1", path=tmp_path / "m.pkl"))
    client.models.download("m", "1", download_path=tmp_path / "here")
    assert [path.read_bytes() for path in (tmp_path / "here").rglob("*.*")] == [b"weights"]


def test_names_that_lead_elsewhere_are_refused(arm: Arm, client: MLClient, tmp_path: Path) -> None:
    place = "subscriptions/s/resourcegroups/g/workspaces/w/datastores/workspaceblobstore/paths/LocalUpload/h/m"
    arm.resources[f"{WORKSPACE}/models/m/versions/1"] = {
        "id": f"{WORKSPACE}/models/m/versions/1",
        "properties": {"modelUri": f"azureml://{place}", "flavors": {}},
    }
    container = next(iter(_containers(client)))
    arm.blobs[f"{container}/LocalUpload/h/m/../../../out.txt"] = b"out"
    with pytest.raises(ValidationError, match="outside of the download"):
        client.models.download("m", "1", download_path=tmp_path / "here")
    assert not list(tmp_path.rglob("out.txt"))


def test_files_that_are_not_there_are_said_to_be_missing(arm: Arm, client: MLClient, tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(b"weights")
    client.models.create_or_update(Model(name="m", version="1", path=tmp_path / "m.pkl"))
    arm.blobs.clear()
    with pytest.raises(TealError, match="There are no files"):
        client.models.download("m", "1", download_path=tmp_path / "here")


def test_files_of_another_place_are_not_fetched(arm: Arm, client: MLClient, tmp_path: Path) -> None:
    client.models.create_or_update(Model(name="m", version="1", path="https://elsewhere.test/m.pkl"))
    with pytest.raises(ValidationError, match="not in a store of this server"):
        client.models.download("m", "1", download_path=tmp_path)


# --- private


def _containers(client: MLClient) -> list[str]:
    from urllib.parse import urlsplit

    from teal.sdk.uploads import find_default_container

    container = find_default_container(client._conversation, client._scope.id, None)
    return [urlsplit(container.url).path]
