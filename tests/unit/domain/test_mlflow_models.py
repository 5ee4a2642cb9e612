"""Which model is an MLflow model, and where in its files it is."""

import pytest

from teal.domain.deployments import check_deployment
from teal.domain.errors import InvalidInput
from teal.domain.mlflow_models import find_mlflow_folder, is_environment_file, is_mlflow_model
from tests.harness.passes import deployment_spec


def test_the_type_says_whether_a_model_is_one() -> None:
    assert is_mlflow_model({"modelType": "mlflow_model"})
    assert not is_mlflow_model({"modelType": "custom_model"})
    assert not is_mlflow_model({})


def test_the_nearest_mlmodel_is_the_models() -> None:
    assert find_mlflow_folder("m:1", ["model/MLmodel", "model/parts/a/MLmodel"]) == "model"
    assert find_mlflow_folder("m:1", ["MLmodel", "data/model.pkl"]) == ""


def test_files_without_an_mlmodel_are_refused_and_listed() -> None:
    with pytest.raises(InvalidInput, match=r"'m:1' .* no MLmodel: model/a\.pkl\.") as refused:
        find_mlflow_folder("m:1", ["model/a.pkl"])
    assert refused.value.code == "MlflowModelNotFound"


def test_only_text_at_the_top_is_looked_at() -> None:
    names = ["MLmodel", "conda.yaml", "requirements.txt", "data/x.yaml", "model.pkl"]
    assert [name for name in names if is_environment_file(name)] == ["MLmodel", "conda.yaml", "requirements.txt"]


def test_an_mlflow_model_needs_neither_script_nor_environment() -> None:
    check_deployment(deployment_spec(code_id=None, scoring_script=None, environment=None), is_mlflow=True)


def test_a_script_for_an_mlflow_model_needs_an_environment() -> None:
    with pytest.raises(InvalidInput, match="needs an environment"):
        check_deployment(deployment_spec(environment=None), is_mlflow=True)
