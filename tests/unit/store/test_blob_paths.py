"""Paths that could lead out of a folder are refused."""

import pytest

from teal.domain.errors import InvalidInput
from teal.store.blob_paths import check_blob_path, check_container, next_after_prefix


@pytest.mark.parametrize("path", ["a", "a/b", ".hidden", "...", "a..b/c", "späce and 🙂/x%2F", "\\", "x" * 255])
def test_ordinary_paths_are_allowed(path: str) -> None:
    check_blob_path(path)


@pytest.mark.parametrize(
    "path",
    ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", "a/.", "a\0b", "x" * 256, "ä" * 128, "a/" * 600 + "b"],
)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(InvalidInput, match="is not a blob path"):
        check_blob_path(path)


def test_a_path_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not valid Unicode"):
        check_blob_path("a/\udcff")


@pytest.mark.parametrize("name", ["azureml", "code-fe6111c8de70", "a"])
def test_container_names(name: str) -> None:
    check_container(name)


@pytest.mark.parametrize("name", ["", "..", "A", "a/b", "-a", "a-", "a--b", "a" * 64, "a\n"])
def test_other_container_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="is not a container name"):
        check_container(name)


@pytest.mark.parametrize(
    ("prefix", "following"),
    [("a", "b"), ("a/", "a0"), ("a\ud7ff", "a\ue000"), ("a\U0010ffff", "b"), ("\U0010ffff", None)],
)
def test_the_end_of_a_prefix(prefix: str, following: str | None) -> None:
    assert next_after_prefix(prefix) == following
