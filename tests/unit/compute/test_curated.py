"""Names of curated environments that work without containers."""

import pytest

from teal.compute.conda import parse_conda_file
from teal.compute.curated import find_curated_conda_file
from teal.domain.instances import EnvironmentDefinition


@pytest.mark.parametrize(
    "definition",
    [
        EnvironmentDefinition(label="azureml:AzureML-sklearn-1.5:19"),
        EnvironmentDefinition(label="sklearn-1.5:19"),
        EnvironmentDefinition(label="mine:1", image="mcr.microsoft.com/azureml/curated/sklearn-1.5:19"),
        EnvironmentDefinition(label="AzureML-sklearn-1.5-ubuntu20.04-py38-cpu"),
    ],
)
def test_sklearn_is_known_under_its_names(definition: EnvironmentDefinition) -> None:
    conda_file = find_curated_conda_file(definition)
    assert conda_file is not None
    assert "scikit-learn==1.5.*" in parse_conda_file(conda_file).packages


@pytest.mark.parametrize(
    "name", ["minimal-ubuntu20.04-py38-cpu-inference", "AzureML-lightgbm-3.3", "AzureML-xgboost-1.7-ubuntu20.04"]
)
def test_the_other_definitions_are_conda_files(name: str) -> None:
    conda_file = find_curated_conda_file(EnvironmentDefinition(label=f"{name}:1"))
    assert conda_file is not None
    assert parse_conda_file(conda_file).packages


def test_a_base_image_is_not_curated() -> None:
    base = EnvironmentDefinition(label="mine:1", image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest")
    assert find_curated_conda_file(base) is None
