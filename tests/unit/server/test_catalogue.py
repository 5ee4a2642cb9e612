"""Curated environments of people's own, from a file in the data directory."""

from pathlib import Path

import pytest

from teal.domain.curated import BUILT_IN
from teal.server.catalogue import load_catalogue
from teal.server.errors import SettingRefused


def test_without_a_file_there_are_those_that_teal_knows(tmp_path: Path) -> None:
    assert load_catalogue(tmp_path / "environments.yml") is BUILT_IN


def test_ones_own_come_first(tmp_path: Path) -> None:
    file = tmp_path / "environments.yml"
    file.write_text(
        "environments:\n"
        "  house-1.0: {conda_file: {dependencies: [{pip: [ours]}]}}\n"
        "  sklearn-*:\n    conda_file: |\n      dependencies:\n      - pip:\n        - scikit-learn=={version}.9\n"
    )
    catalogue = load_catalogue(file)
    assert "ours" in (catalogue.find_conda_file("azureml:AzureML-house-1.0:3") or "")
    assert "scikit-learn==1.5.9" in (catalogue.find_conda_file("sklearn-1.5") or "")
    assert catalogue.find_conda_file("minimal-ubuntu22.04") is not None


@pytest.mark.parametrize(
    "content",
    [
        "[",
        "- 1",
        "environments: []",
        "environments: {a: }",
        "environments: {a: {conda_file: 1}}",
        "environments: {1: {}}",
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_its_name(tmp_path: Path, content: str) -> None:
    file = tmp_path / "environments.yml"
    file.write_text(content)
    with pytest.raises(SettingRefused, match=r"environments\.yml"):
        load_catalogue(file)
