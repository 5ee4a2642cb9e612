"""Names of curated environments, with all that Azure hangs on them, and catalogues of people's own."""

import pytest

from teal.domain.curated import BUILT_IN, Catalogue, CuratedEnvironment


@pytest.mark.parametrize(
    ("text", "package"),
    [
        ("AzureML-sklearn-1.5", "scikit-learn==1.5.*"),
        ("azureml:AzureML-sklearn-1.5:19", "scikit-learn==1.5.*"),
        ("sklearn-1.5@latest", "scikit-learn==1.5.*"),
        ("AzureML-sklearn-0.24-ubuntu18.04-py37-cpu-inference", "scikit-learn==0.24.*"),
        ("mcr.microsoft.com/azureml/curated/sklearn-1.5:19", "scikit-learn==1.5.*"),
        ("mcr.microsoft.com/azureml/minimal-ubuntu22.04-py39-cpu-inference:latest", "pandas"),
        ("minimal-py311-inference", "pandas"),
        ("acpt-pytorch-2.2-cuda12.1", "torch==2.2.*"),
        ("AzureML-xgboost-1.7-ubuntu20.04", "xgboost==1.7.*"),
    ],
)
def test_a_name_leads_to_its_definition(text: str, package: str) -> None:
    conda_file = BUILT_IN.find_conda_file(text)
    assert conda_file is not None
    assert f"- {package}\n" in conda_file


@pytest.mark.parametrize(
    "text", ["AzureML-nothing-1.0", "sklearn", "sklearn-next", "skl", "", "openmpi4.1.0-ubuntu22.04"]
)
def test_other_names_lead_nowhere(text: str) -> None:
    assert BUILT_IN.find_conda_file(text) is None


def test_ones_own_definition_comes_before_a_built_in_one() -> None:
    own = Catalogue(
        (CuratedEnvironment("sklearn-1.5", "mine"), CuratedEnvironment("we+us", "ours"), *BUILT_IN.environments)
    )
    assert own.find_conda_file("AzureML-sklearn-1.5:2") == "mine"
    assert own.find_conda_file("sklearn-1.6") != "mine"
    assert own.find_conda_file("we+us:1") == "ours"
    assert own.names[:2] == ("sklearn-1.5", "we+us")


def test_a_version_without_wheels_for_new_pythons_asks_for_an_old_one() -> None:
    for name in ("AzureML-sklearn-1.0-ubuntu20.04-py38-cpu", "azureml:AzureML-pytorch-1.12-cuda11@latest"):
        assert "- python=3.10\n" in str(BUILT_IN.find_conda_file(name))
    assert "python" not in str(BUILT_IN.find_conda_file("AzureML-sklearn-1.5"))
    assert "python" not in str(BUILT_IN.find_conda_file("sklearn-1.01"))
