"""conda_files as people write them, and what of them pip understands."""

import pytest
from packaging.specifiers import SpecifierSet

from teal.compute.conda import CondaFileInvalid, CondaPackagesUnknown, parse_conda_file, parse_match_spec

PUBLIC_EXAMPLE = """
name: model-env
channels:
  - conda-forge
dependencies:
  - python=3.9
  - numpy=1.23.5
  - pip=23.0.1
  - scikit-learn=1.2.2
  - scipy=1.10.1
  - pip:
    - azureml-defaults==1.53.0
    - inference-schema[numpy-support]==1.5.1
    - joblib==1.2.0
"""


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("numpy", ("numpy", "")),
        ("numpy=1.23.5", ("numpy", "==1.23.5.*")),
        ("numpy=1.23.*", ("numpy", "==1.23.*")),
        ("numpy==1.23.5", ("numpy", "==1.23.5")),
        ("numpy=1.23.5=py39h1794996_0", ("numpy", "==1.23.5")),
        ("numpy 1.23.5 py39_0", ("numpy", "==1.23.5")),
        ("numpy 1.23.*", ("numpy", "==1.23.*")),
        ("numpy 1.23*", ("numpy", "==1.23.*")),
        ("numpy>=1.20,<2", ("numpy", ">=1.20,<2")),
        ("numpy >=1.20, <2", ("numpy", ">=1.20,<2")),
        ("numpy = 1.23", ("numpy", "==1.23.*")),
        ("numpy>=1.20.*", ("numpy", ">=1.20")),
        ("numpy!=1.20.*", ("numpy", "!=1.20.*")),
        ("numpy~=1.20", ("numpy", "~=1.20")),
        ("numpy=*", ("numpy", "")),
        ("NumPy", ("numpy", "")),
        ("conda-forge::numpy=1.2", ("numpy", "==1.2.*")),
        ("conda-forge/linux-64::numpy", ("numpy", "")),
        ("numpy[version='>=1,<2',build=py39_0]", ("numpy", ">=1,<2")),
        ("numpy[build=py39_0]", ("numpy", "")),
        ("pytz=2021a", ("pytz", "==2021a")),
    ],
)
def test_conda_versions_become_pip_versions(spec: str, expected: tuple[str, str]) -> None:
    assert parse_match_spec(spec) == expected


@pytest.mark.parametrize("spec", ["numpy=1.2|1.3", "numpy>>1", "=1.2", "numpy==not.a.version", "numpy[version=]"])
def test_what_pip_cannot_express_is_refused(spec: str) -> None:
    with pytest.raises(CondaFileInvalid):
        parse_match_spec(spec)


def test_the_public_example_is_understood() -> None:
    requirements = parse_conda_file(PUBLIC_EXAMPLE)
    assert requirements.python == SpecifierSet("==3.9.*")
    assert requirements.packages == (
        "numpy==1.23.5.*",
        "pip==23.0.1.*",
        "scikit-learn==1.2.2.*",
        "scipy==1.10.1.*",
        "azureml-defaults==1.53.0",
        "inference-schema[numpy-support]==1.5.1",
        "joblib==1.2.0",
    )
    assert requirements.names >= {"azureml-defaults", "inference-schema", "pip"}


def test_conda_names_become_pypi_names() -> None:
    text = "dependencies: [pytorch=2.1, py-xgboost, opencv, tensorflow-cpu, python-graphviz, pytables, matplotlib-base]"
    assert parse_conda_file(text).packages == (
        "torch==2.1.*",
        "xgboost",
        "opencv-python-headless",
        "tensorflow",
        "graphviz",
        "tables",
        "matplotlib",
    )


def test_system_libraries_are_skipped_with_a_note() -> None:
    text = "dependencies: [libgcc-ng, openssl=1.1.1k, cudatoolkit=11.3, cuda-nvcc, librosa]"
    requirements = parse_conda_file(text)
    assert requirements.packages == ("librosa",)
    (note,) = requirements.notes
    assert "libgcc-ng, openssl, cudatoolkit, cuda-nvcc" in note


def test_packages_without_a_twin_are_named_all_at_once() -> None:
    with pytest.raises(CondaPackagesUnknown) as refused:
        parse_conda_file("dependencies: [r-base, numpy, r-ggplot2, nodejs=18]")
    assert refused.value.names == ("r-base", "r-ggplot2", "nodejs")


def test_pip_options_are_passed_on_where_they_have_a_meaning() -> None:
    requirements = parse_conda_file(
        """
        dependencies:
        - pip:
          - --extra-index-url file:///somewhere/simple
          - --find-links=https://example.org/wheels
          - --pre
          - --trusted-host example.org
          - --no-cache-dir
          - six  # a comment
          - package @ https://example.org/package-1.0-py3-none-any.whl
          - git+https://example.org/repository.git#egg=other
        """
    )
    assert requirements.options == (
        "--extra-index-url file:///somewhere/simple",
        "--find-links https://example.org/wheels",
    )
    assert requirements.flags == ("--prerelease=allow", "--allow-insecure-host=example.org")
    assert requirements.packages[0] == "six"
    assert requirements.packages[1:] == (
        "package @ https://example.org/package-1.0-py3-none-any.whl",
        "git+https://example.org/repository.git#egg=other",
    )


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("-r requirements.txt", "requirements.txt"),
        ("-c constraints.txt", "constraints.txt"),
        ("-e .", "-e ."),
        ("./package.whl", "./package.whl"),
        ("package-1.0-py3-none-any.whl", "package-1.0"),
        ("--global-option=x", "--global-option"),
    ],
)
def test_files_that_are_not_there_and_unknown_options_are_refused(line: str, word: str) -> None:
    with pytest.raises(CondaFileInvalid, match=word):
        parse_conda_file(f"dependencies:\n- pip:\n  - {line}\n")


@pytest.mark.parametrize(
    "text", ["[", "just text", "dependencies: numpy", "dependencies: [{conda: []}]", "dependencies: [1]"]
)
def test_what_is_not_a_conda_file_is_refused(text: str) -> None:
    with pytest.raises(CondaFileInvalid):
        parse_conda_file(text)


def test_a_conda_file_without_dependencies_asks_for_nothing() -> None:
    assert parse_conda_file("name: empty").packages == ()
    assert parse_conda_file("dependencies:").packages == ()


@pytest.mark.parametrize("text", ["[" * 20_000, "{a: " * 5_000, "- " * 20_000])
def test_a_file_that_is_nested_without_end_is_refused(text: str) -> None:
    with pytest.raises(CondaFileInvalid):
        parse_conda_file(text)
