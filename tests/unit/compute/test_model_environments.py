"""What an MLflow model's folder says of its environment."""

import pytest

from teal.compute.conda import CondaFileInvalid
from teal.compute.model_environments import ModelFolderInvalid, parse_model_files

MLMODEL = """
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    model_path: model.pkl
    python_version: 3.10.4
mlflow_version: 2.9.2
"""
PYTHON_ENV = "python: 3.9.7\nbuild_dependencies: [pip==22.2]\ndependencies:\n- -r requirements.txt\n"
REQUIREMENTS = "mlflow<3,>=2.1\nscikit-learn==1.5.0\n"
CONDA = "dependencies:\n- python=3.8.5\n- pip\n- pip:\n  - mlflow==2.9.2\n"
WHOLE = {"MLmodel": MLMODEL, "python_env.yaml": PYTHON_ENV, "requirements.txt": REQUIREMENTS, "conda.yaml": CONDA}


def without(*names: str) -> dict[str, str]:
    return {name: text for name, text in WHOLE.items() if name not in names}


def test_python_env_and_its_requirements_come_first() -> None:
    found = parse_model_files(WHOLE)
    assert found.requirements.packages == ("mlflow<3,>=2.1", "scikit-learn==1.5.0")
    assert (str(found.requirements.python), found.source) == ("==3.9.*", "the model's requirements.txt")


def test_a_version_without_quotes_is_no_number() -> None:
    files = WHOLE | {"python_env.yaml": "python: 3.10\ndependencies:\n- -r requirements.txt\n"}
    assert str(parse_model_files(files).requirements.python) == "==3.10.*"
    with pytest.raises(ModelFolderInvalid, match=r"python_version.* in quotes"):
        parse_model_files(WHOLE | {"MLmodel": "flavors: {python_function: {python_version: 3.10}}"})


def test_a_patch_release_of_python_means_its_minor_version() -> None:
    assert str(parse_model_files(without("python_env.yaml", "requirements.txt")).requirements.python) == "==3.8.*"
    assert str(parse_model_files(without("python_env.yaml", "conda.yaml")).requirements.python) == "==3.10.*"


def test_packages_of_conda_itself_are_not_lost() -> None:
    conda = "dependencies:\n- python=3.11\n- lightgbm=4.5\n- pip:\n  - mlflow==2.9.2\n"
    found = parse_model_files(WHOLE | {"conda.yaml": conda})
    assert found.requirements.packages == ("lightgbm==4.5.*", "mlflow==2.9.2")
    assert found.source == "the model's conda.yaml"


def test_without_any_file_mlflow_alone_is_installed_and_said_so() -> None:
    found = parse_model_files({"MLmodel": MLMODEL})
    assert found.requirements.packages == ("mlflow==2.9.2",)
    assert any("says nothing of its packages" in note for note in found.requirements.notes)


def test_mlflow_is_added_in_the_version_that_saved_the_model() -> None:
    found = parse_model_files(WHOLE | {"requirements.txt": "scikit-learn==1.5.0\n"})
    assert found.requirements.packages == ("scikit-learn==1.5.0", "mlflow==2.9.2")
    assert any("mlflow==2.9.2 is added" in note for note in found.requirements.notes)


def test_old_packages_get_the_constraints_they_do_not_say() -> None:
    found = parse_model_files(WHOLE | {"requirements.txt": "mlflow==2.9.2\nscikit-learn==1.2.0\n"})
    assert found.requirements.constraints == ("numpy<2", "scipy<1.12", "pandas<2.3")
    assert any("numpy<2 is added, which scikit-learn 1.2.0 needs" in note for note in found.requirements.notes)
    newer = parse_model_files(WHOLE)
    assert newer.requirements.constraints == ()


def test_a_pin_of_the_models_own_counts_for_more_than_a_rule() -> None:
    lines = "mlflow==2.9.2\nscikit-learn==1.2.0\nnumpy==1.24.3\npandas==2.0.1\n"
    found = parse_model_files(WHOLE | {"requirements.txt": lines})
    assert found.requirements.constraints == ("scipy<1.12",)


def test_constraints_that_mlflow_saved_are_kept() -> None:
    files = WHOLE | {"requirements.txt": "-c constraints.txt\nmlflow==2.9.2\n", "constraints.txt": "numpy<2\n# why\n"}
    assert parse_model_files(files).requirements.constraints == ("numpy<2",)


def test_a_named_file_that_is_not_in_the_folder_is_refused() -> None:
    with pytest.raises(CondaFileInvalid, match=r"names \.\./other\.txt, which is not in the model's folder"):
        parse_model_files(WHOLE | {"requirements.txt": "-r ../other.txt\n"})


@pytest.mark.parametrize(
    ("mlmodel", "words"),
    [
        (None, "has no MLmodel"),
        ("a: [", "MLmodel is not YAML"),
        ("just text", "is not a mapping"),
        ("flavors: {spark: {}}", "no flavour 'python_function'.* it has: spark"),
        ("flavors: {python_function: {model_path: ../../etc/passwd}}", r"outside its folder: .*\.\./\.\./etc/passwd"),
        ("flavors: {python_function: {data: /etc}}", "outside its folder: python_function.data: /etc"),
        ("flavors: {python_function: {artifacts: {a: {path: ../b}}}}", r"outside its folder: .*a\.path"),
    ],
)
def test_a_folder_that_cannot_be_served_is_refused_with_the_file(mlmodel: str | None, words: str) -> None:
    files = without("MLmodel") | ({"MLmodel": mlmodel} if mlmodel else {})
    with pytest.raises(ModelFolderInvalid, match=words):
        parse_model_files(files)
