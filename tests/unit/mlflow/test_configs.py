from pathlib import Path
from typing import Any

import pytest

from teal.mlflow.configs import DEPLOYMENT_FILE, ENDPOINT_FILE, plan_shares, read_changes, read_config
from teal.mlflow.predictions import build_payload, parse_answer
from teal.mlflow.targets import find_target
from teal.sdk.errors import ValidationError

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


def test_what_stands_in_place_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "deployment.json"
    file.write_text('{"instance_count": 2, "instance_type": "a", "async": true}')
    config = read_config({DEPLOYMENT_FILE: str(file), "instance_count": "3"}, DEPLOYMENT_FILE)
    assert (dict(config.values), config.wait) == ({"instance_count": 3, "instance_type": "a"}, False)
    with pytest.raises(ValidationError, match="does not belong here"):
        read_config({ENDPOINT_FILE: str(file)}, DEPLOYMENT_FILE)


def test_changes_are_what_the_config_names() -> None:
    config = read_config({"instance_count": 2, "traffic": 10}, DEPLOYMENT_FILE)
    assert read_changes("blue", "ep", config) == {"instance_count": 2}
    assert read_changes("blue", "ep", read_config({"traffic": 10}, DEPLOYMENT_FILE)) == {}
    with pytest.raises(ValidationError, match="model_uri"):
        read_changes("blue", "ep", read_config({"model": "azureml:m:1"}, DEPLOYMENT_FILE))


@pytest.mark.parametrize(
    ("value", "shares", "wanted"),
    [
        ({"blue": 90, "green": 10}, {}, {"blue": 90, "green": 10}),
        (100, {"blue": 100}, {"green": 100}),
        (10, {"blue": 100, "green": 0}, {"blue": 90, "green": 10}),
        (0, {}, {"green": 0}),
    ],
)
def test_one_number_is_the_share_of_the_deployment(
    value: object, shares: dict[str, int], wanted: dict[str, int]
) -> None:
    assert plan_shares(value, "green", shares, "traffic") == wanted


def test_a_share_that_leaves_a_question_is_refused() -> None:
    with pytest.raises(ValidationError, match="what is left for blue, red"):
        plan_shares(10, "green", {"blue": 50, "red": 50}, "traffic")
    assert plan_shares(10, "green", {"blue": 50, "red": 50}, "mirror_traffic") == {"green": 10}


class Array:
    def tolist(self) -> list[Any]:
        return [[1.0, float("nan")]]


def test_inputs_become_payloads() -> None:
    assert build_payload(Array()) == {"input_data": [[1.0, None]]}
    assert build_payload({"a": Array()}) == {"input_data": {"a": [[1.0, None]]}}
    assert build_payload([(1, "x")], {"p": 1}) == {"input_data": [[1, "x"]], "params": {"p": 1}}
    assert build_payload({"dataframe_split": {"columns": [], "data": []}}) == {
        "dataframe_split": {"columns": [], "data": []}
    }
    with pytest.raises(ValidationError, match="A object cannot be sent"):
        build_payload(object())


def test_answers_become_frames() -> None:
    pytest.importorskip("pandas")
    for text in ("[1, 2]", '{"predictions": [1, 2]}', '"[1, 2]"'):
        assert parse_answer(text)[0].tolist() == [1, 2]
    assert parse_answer('[{"a": 1}]')["a"].tolist() == [1]
    assert parse_answer('{"a": [1, 2]}')["a"].tolist() == [1, 2]
    assert parse_answer('{"a": 1, "b": "x"}')["b"].tolist() == ["x"]
    assert parse_answer('"word"')[0].tolist() == ["word"]
    with pytest.raises(ValidationError, match="not JSON"):
        parse_answer("<html>")


def test_targets_name_servers_and_workspaces(tmp_path: Path) -> None:
    environ = {"TEAL_DATA_DIR": str(tmp_path), "TEAL_TOKEN": "t", "TEAL_CONFIG_DIR": str(tmp_path)}
    target = find_target(f"teal://h:1/mlflow/v2.0{WORKSPACE}", environ)
    assert (target.address.url, target.address.token, target.scope.id) == ("https://h:1", "t", WORKSPACE)
    assert target.api_url == f"https://h:1/mlflow/v2.0{WORKSPACE}"
    assert target.artifacts_uri == f"teal://h:1/mlflow/v2.0{WORKSPACE}/artifacts"
    (tmp_path / "server.json").write_text('{"url": "https://127.0.0.1:7"}')
    (tmp_path / "token").write_text("own")
    here = {"TEAL_DATA_DIR": str(tmp_path), "TEAL_CONFIG_DIR": str(tmp_path)}
    for uri in ("teal", "teal://127.0.0.1:7", None):
        assert find_target(uri, here).address.token == "own"
    assert find_target("teal://other:7", {**here, "MLFLOW_TRACKING_TOKEN": "x"}).address.token == "x"
