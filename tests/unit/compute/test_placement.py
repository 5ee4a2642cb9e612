"""An asset's files in an instance's folder."""

import os
from pathlib import Path

import pytest

from teal.compute.placement import PathOutside, apply_copies, apply_links
from teal.domain.instances import FileMount


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    path = tmp_path / "blob"
    path.write_text("weights")
    return path


def test_linked_files_share_the_blob_and_are_read_only(blob: Path, tmp_path: Path) -> None:
    for _ in range(2):
        apply_links([FileMount("model/weights.bin", str(blob))], tmp_path / "instance")
    linked = tmp_path / "instance/model/weights.bin"
    assert linked.stat().st_ino == blob.stat().st_ino
    assert blob.stat().st_mode & 0o777 == 0o444


def test_where_links_are_not_possible_files_are_copied(
    blob: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    apply_links([FileMount("weights.bin", str(blob))], tmp_path / "instance")
    copied = tmp_path / "instance/weights.bin"
    assert copied.read_text() == "weights"
    assert copied.stat().st_ino != blob.stat().st_ino
    assert copied.stat().st_mode & 0o777 == 0o444


def test_code_is_a_writable_copy_even_of_a_read_only_blob(blob: Path, tmp_path: Path) -> None:
    blob.chmod(0o444)
    for _ in range(2):
        apply_copies([FileMount("score.py", str(blob))], tmp_path / "app")
    copied = tmp_path / "app/score.py"
    assert copied.stat().st_ino != blob.stat().st_ino
    assert copied.stat().st_mode & 0o200


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../../outside", ""])
def test_a_path_that_leads_out_is_refused(blob: Path, tmp_path: Path, path: str) -> None:
    with pytest.raises(PathOutside):
        apply_copies([FileMount(path, str(blob))], tmp_path / "app")
