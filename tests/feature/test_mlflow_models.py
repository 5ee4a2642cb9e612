"""MLflow models of real flavours without code: environments of their own, both families of payloads, refusals."""

import asyncio
import json
import math
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from teal.compute.process.backend import ProcessBackend
from teal.domain.instances import (
    AssetMount,
    EnvironmentDefinition,
    FileMount,
    InstanceObserved,
    InstancePhase,
    InstanceSpec,
)
from tests.contract.conftest import end_processes
from tests.contract.test_compute_backend import build_spec
from tests.harness.mlflow_models import MAKE_MODELS, NEW, OLD, Made, make_models, open_environments, serving
from tests.harness.scoring import BEHIND_GATEWAY, Scoring
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.mlflow, pytest.mark.timeout(600)]

ROW = {"age": 57, "chol": 210.5, "thal": "fixed"}
SPLIT = {"columns": list(ROW), "data": [list(ROW.values()), [30, 180, "normal"]]}
RECORDS = [ROW, {"age": 30, "chol": 180, "thal": "normal"}]
COLUMNS = {name: [one[name] for one in RECORDS] for name in ROW}


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture(scope="session")
def new(root: Path) -> Made:
    return make_models(root, "new", NEW)


@pytest.fixture(scope="session")
def old(root: Path) -> Made:
    """With the Python nearest to the one it asks for, which nobody has any more."""
    return make_models(root, "old", OLD, "--old", python="python_version: 3.8.5")


@contextmanager
def serve(made: Made, name: str, root: Path) -> Iterator[Scoring]:
    with serving(made, name, root) as scoring:
        yield scoring


@pytest.fixture(scope="module")
def strings(new: Made, root: Path) -> Iterator[Scoring]:
    """A pipeline of scikit-learn with a string column, behind its server."""
    with serve(new, "strings", root) as scoring:
        yield scoring


def post(scoring: Scoring, path: str, body: Any, content_type: str = "application/json") -> httpx.Response:
    content = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return httpx.post(scoring.url + path, content=content, headers={"content-type": content_type}, timeout=60)


@pytest.mark.parametrize("path", ["/score", "/invocations"])
@pytest.mark.parametrize(
    "data",
    [
        SPLIT,
        SPLIT | {"index": [0, 1]},
        SPLIT | {"index": ["first", "second"]},
        {"data": SPLIT["data"]},
        {"columns": ["thal", "age", "chol"], "data": [["fixed", 57, 210.5], ["normal", 30, 180]]},
        {"columns": [*ROW, "more"], "data": [[*ROW.values(), 1], [30, 180, "normal", 2]]},
        SPLIT["data"],
        RECORDS,
        COLUMNS,
    ],
)
def test_azures_payloads_get_the_bare_predictions(strings: Scoring, path: str, data: Any) -> None:
    answer = post(strings, path, {"input_data": data})
    assert (answer.status_code, answer.json()) == (200, [1, 0])


@pytest.mark.parametrize("path", ["/score", "/invocations"])
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ({"dataframe_split": SPLIT}, "application/json"),
        ({"dataframe_split": SPLIT | {"index": [5, 6]}}, "application/json; charset=utf-8"),
        ({"dataframe_records": RECORDS}, "application/json"),
        ({"inputs": COLUMNS}, "application/json"),
        ({"instances": RECORDS}, "application/json"),
        ("age,chol,thal\n57,210.5,fixed\n30,180,normal\n", "text/csv"),
    ],
)
def test_mlflows_payloads_get_predictions_by_name(strings: Scoring, path: str, body: Any, content_type: str) -> None:
    answer = post(strings, path, body, content_type)
    assert (answer.status_code, answer.json()) == (200, {"predictions": [1, 0]})


@pytest.mark.parametrize("family", ["input_data", "dataframe_split"])
@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"age": 57, "chol": 210.5}, "the column 'thal'. The request has 'age', 'chol'"),
        (ROW | {"age": 57.5}, "Column 'age' of the model's signature is long, and row 0 has 57.5"),
        (ROW | {"age": None}, "Column 'age' .* row 0 has no value"),
        (ROW | {"age": math.nan}, "Column 'age' .* row 0 has no value"),
        (ROW | {"chol": "high"}, "Column 'chol' of the model's signature is double, and row 0 has 'high'"),
        (ROW | {"age": 2**70}, "Column 'age' .* does not fit into 64 bits"),
    ],
)
def test_what_does_not_fit_the_signature_is_refused_by_column(
    strings: Scoring, family: str, row: dict[str, Any], words: str
) -> None:
    answer = post(strings, "/score", {family: {"columns": list(row), "data": [list(row.values())]}})
    assert answer.status_code == 400
    # As MLflow's own server calls it: what does not parse, and what does not fit the schema.
    assert answer.json()["error_code"] == ("BAD_REQUEST" if "Column" in words else "INVALID_PARAMETER_VALUE")
    assert_matches(words, answer.json()["message"])


def assert_matches(words: str, text: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        raise RuntimeError(text)


def test_clients_behind_the_gateway_read_the_reason(strings: Scoring) -> None:
    body = {"input_data": {"columns": ["age"], "data": [[1]]}}
    answer = strings.score(body, BEHIND_GATEWAY)
    assert answer.status_code == 424
    assert answer.headers["ms-azureml-model-error-statuscode"] == "400"
    assert "the columns 'chol', 'thal'" in answer.json()["error"]["message"]
    same = httpx.post(f"{strings.url}/invocations", content=json.dumps(body), headers=BEHIND_GATEWAY, timeout=30)
    assert same.status_code == 400  # as MLflow's own server


@pytest.mark.parametrize(
    ("body", "content_type", "status", "words"),
    [
        ("{", "application/json", 400, "Ensure that input is a valid JSON formatted string"),
        ("[1]", "application/json", 400, "exactly one of the input fields .* Received a list"),
        ({"a": 1}, "application/json", 400, "Received dictionary with input fields: 'a'"),
        ({"inputs": [], "instances": []}, "application/json", 400, "exactly one of the input fields"),
        ({"input_data": 5}, "application/json", 400, "must be an object with 'columns'"),
        ({"input_data": SPLIT, "params": 5}, "application/json", 400, "'params' must be a JSON object"),
        ({"input_data": [[1, 2]]}, "application/json", 400, "takes 3 columns .* row 0 has 2 values"),
        ({"dataframe_split": {"columns": ["a"]}}, "application/json", 400, "must have 'data' field"),
        ({"dataframe_records": {}}, "application/json", 400, "must be a list of records"),
        (b"\xff", "text/csv", 400, "valid UTF-8"),
        ("age,chol,thal\n,1,fixed\n", "text/csv", 400, "Column 'age' .* no value"),
        ("x", "text/plain", 415, "only supports the following content types"),
        ("{}", "application/json; charset=latin-1", 415, "only supports UTF-8"),
        ("{}", "application/json; odd=1", 415, "Unrecognized content type parameters: odd"),
    ],
)
def test_a_bad_request_is_refused_as_by_mlflows_server(
    strings: Scoring, body: Any, content_type: str, status: int, words: str
) -> None:
    answer = post(strings, "/invocations", body, content_type)
    assert answer.status_code == status
    assert_matches(words, answer.text if status == 415 else answer.json()["message"])


def test_an_unreadable_table_comes_back_with_its_traceback(strings: Scoring) -> None:
    answer = post(strings, "/invocations", "", "text/csv").json()
    assert answer["error_code"] == "BAD_REQUEST"
    assert "Failed to parse input as a Pandas DataFrame" in answer["message"]
    assert "EmptyDataError" in answer["stack_trace"]


def test_the_routes_of_mlflows_server_are_there(strings: Scoring) -> None:
    for path in ("/ping", "/health"):
        answer = httpx.get(strings.url + path)
        assert (answer.status_code, answer.text) == (200, "\n")
    assert httpx.get(f"{strings.url}/version").text == "3.17.2"
    assert httpx.get(f"{strings.url}/").text == "Healthy"
    assert httpx.get(f"{strings.url}/invocations").status_code == 405
    assert httpx.get(f"{strings.url}/score").status_code == 405


def test_the_interface_is_described_by_the_signature(strings: Scoring) -> None:
    for version, part in (("2", "definitions"), ("3", "components")):
        document = httpx.get(f"{strings.url}/swagger.json?version={version}").json()
        schemas = document[part] if version == "2" else document[part]["schemas"]
        data = schemas["ServiceInput"]["properties"]["input_data"]
        assert data["example"]["columns"] == list(ROW)
        assert data["x-columns"]["age"]["format"] == "int64"
        assert schemas["ServiceOutput"]["format"] == "numpy.ndarray"
        answer = post(strings, "/score", schemas["ServiceInput"]["example"])
        assert answer.status_code == 200  # the example works


def test_the_open_inference_protocol_is_spoken(strings: Scoring) -> None:
    def get(path: str) -> Any:
        return httpx.get(strings.url + path).json()

    assert get("/v2")["name"] == "teal-scoring"
    assert get("/v2/health/live") == {"live": True}
    assert get("/v2/health/ready") == {"ready": True}
    assert get("/v2/models/strings/ready") == {"name": "strings", "ready": True}
    described = get("/v2/models/strings")
    assert described["inputs"] == [
        {"name": "age", "datatype": "INT64", "shape": [-1, 1]},
        {"name": "chol", "datatype": "FP64", "shape": [-1, 1]},
        {"name": "thal", "datatype": "BYTES", "shape": [-1, 1]},
    ]
    inputs = [
        {"name": "thal", "shape": [2], "datatype": "BYTES", "data": ["fixed", "normal"]},
        {"name": "age", "shape": [2, 1], "datatype": "INT64", "data": [57, 30]},
        {"name": "chol", "shape": [2, 1], "datatype": "FP32", "data": [[210.5], [180]]},
    ]
    answer = post(strings, "/v2/models/strings/versions/1/infer", {"id": "7", "inputs": inputs})
    assert answer.status_code == 200, answer.text
    assert described["outputs"] == [{"name": "output-1", "datatype": "INT64", "shape": [-1]}]
    output = {"name": "output-1", "datatype": "INT64", "shape": [2], "data": [1, 0]}
    assert answer.json() == {"model_name": "strings", "model_version": "1", "id": "7", "outputs": [output]}
    refused = post(strings, "/v2/models/strings/infer", {"inputs": inputs[:2]})
    assert (refused.status_code, refused.json()["error"]) == (
        400,
        "The request lacks the inputs 'chol' of the model's signature.",
    )
    words = post(strings, "/v2/models/strings/infer", {"inputs": [*inputs[:2], inputs[2] | {"data": ["210.5", "180"]}]})
    assert (words.status_code, "only numbers do" in words.json()["error"]) == (400, True)
    missing = post(strings, "/v2/models/other/infer", {"inputs": inputs})
    assert (missing.status_code, "the model is /v2/models/strings" in missing.json()["error"]) == (404, True)


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_boosters_predict(new: Made, root: Path, name: str) -> None:
    with serve(new, name, root) as scoring:
        split = {"columns": ["age", "chol"], "data": [[57, 210.5], [30.0, 180]]}
        assert post(scoring, "/score", {"input_data": split}).json() == [1, 0]
        assert post(scoring, "/invocations", {"dataframe_split": split}).json() == {"predictions": [1, 0]}


def test_parameters_reach_a_python_function(new: Made, root: Path) -> None:
    with serve(new, "params", root) as scoring:
        data = {"columns": ["a", "b"], "data": [[1.0, 2.0]]}
        assert post(scoring, "/score", {"input_data": data}).json() == [{"sum": 13.0}]
        assert post(scoring, "/score", {"input_data": data, "params": {"shift": 0.5}}).json() == [{"sum": 3.5}]
        answer = post(scoring, "/invocations", {"dataframe_split": data, "params": {"shift": 1}})
        assert answer.json() == {"predictions": [{"sum": 4.0}]}
        refused = post(scoring, "/score", {"input_data": data, "params": {"shift": "far"}})
        assert (refused.status_code, "shift" in refused.json()["message"]) == (400, True)
        optional = post(scoring, "/score", {"input_data": {"columns": ["a"], "data": [[1.0]]}})
        assert optional.json() == [{"sum": 11.0}]
        document = httpx.get(f"{scoring.url}/swagger.json").json()
        shift = document["definitions"]["ServiceInput"]["properties"]["params"]["properties"]["shift"]
        assert shift["default"] == 10.0


def test_a_model_that_raises_says_so_to_its_callers(new: Made, root: Path) -> None:
    with serve(new, "params", root) as scoring:
        body = {"dataframe_split": {"columns": ["a"], "data": [[-1.0]]}}
        answer = post(scoring, "/score", body)
        assert (answer.status_code, answer.headers["x-ms-run-function-failed"]) == (500, "True")
        assert "RuntimeError: no value may be negative" in answer.json()["message"]
        as_mlflow = post(scoring, "/invocations", body)
        assert as_mlflow.status_code == 400
        assert "Verify that the serialized input Dataframe is compatible" in as_mlflow.json()["message"]
        assert "no value may be negative" in as_mlflow.json()["stack_trace"]


def test_tensors_go_in_by_every_name(new: Made, root: Path) -> None:
    with serve(new, "tensors", root) as scoring:
        images = [[[1, 2], [3, 4]], [[0, 0], [0, 2]]]
        assert post(scoring, "/score", {"input_data": images}).json() == [2.5, 0.5]
        for name in ("inputs", "instances"):
            assert post(scoring, "/invocations", {name: images}).json() == {"predictions": [2.5, 0.5]}
        tensor = {"name": "input-1", "shape": [2, 2, 2], "datatype": "FP32", "data": images}
        (output,) = post(scoring, "/v2/models/tensors/infer", {"inputs": [tensor]}).json()["outputs"]
        assert (output["datatype"], output["data"]) == ("FP32", [2.5, 0.5])
        refused = post(scoring, "/score", {"input_data": [[1, 2], [3, 4]]})
        assert (refused.status_code, "shape" in refused.json()["message"]) == (400, True)


def test_tensors_go_in_and_out_by_their_names(new: Made, root: Path) -> None:
    with serve(new, "named", root) as scoring:
        data = {"a": [[1, 2], [3, 4]], "b": [1, 2]}
        expected = {"sums": [4.0, 9.0], "same": [[1.0, 2.0], [3.0, 4.0]]}
        assert post(scoring, "/score", {"input_data": data}).json() == expected
        rows = [{"a": [1, 2], "b": 1}, {"a": [3, 4], "b": 2}]
        assert post(scoring, "/score", {"input_data": rows}).json() == expected
        for name, given in (("inputs", data), ("instances", rows)):
            assert post(scoring, "/invocations", {name: given}).json() == {"predictions": expected}
        for wrong, words in (([None, 2], "NoneType"), ([1.5, 2], "has 1.5, which is not a whole number")):
            refused = post(scoring, "/score", {"input_data": data | {"b": wrong}})
            assert refused.status_code == 400
            assert "Input 'b' of the model's signature is int64" in refused.json()["message"]
            assert words in refused.json()["message"]
        document = httpx.get(f"{scoring.url}/swagger.json").json()
        example = document["definitions"]["ServiceInput"]["example"]
        assert post(scoring, "/score", example).status_code == 200

        a = {"name": "a", "shape": [2, 2], "datatype": "FP32", "data": data["a"]}
        b = {"name": "b", "shape": [2], "datatype": "INT64", "data": data["b"]}
        described = httpx.get(f"{scoring.url}/v2/models/named").json()
        assert [(one["name"], one["shape"]) for one in described["outputs"]] == [("sums", [-1]), ("same", [-1, 2])]
        outputs = post(scoring, "/v2/models/named/infer", {"inputs": [a, b]}).json()["outputs"]
        assert [(one["name"], one["shape"]) for one in outputs] == [("sums", [2]), ("same", [2, 2])]
        only = post(scoring, "/v2/models/named/infer", {"inputs": [a, b], "outputs": [{"name": "same"}]}).json()
        assert [one["data"] for one in only["outputs"]] == [[1.0, 2.0, 3.0, 4.0]]
        for body, words in (
            ({"inputs": [a, b], "outputs": [{"name": "other"}]}, "There is no output other; there is sums, same."),
            ({"inputs": [a, b], "outputs": 1}, "'outputs' must be a list"),
            ({"inputs": [a, b], "parameters": [1]}, "'parameters' must be an object"),
            ({"inputs": [a, a]}, "input 'a' twice"),
            ({"inputs": [a, b | {"data": [1.5, 2]}]}, "Input 'b': its data is not INT64"),
            (
                {"inputs": [a, b | {"datatype": "FP32", "data": [1.5, 2]}]},
                "Input 'b' of the model's signature is int64",
            ),
        ):
            refused = post(scoring, "/v2/models/named/infer", body)
            assert (refused.status_code, words in refused.json()["error"]) == (400, True), refused.text


def test_an_estimator_of_arrays_takes_its_tensor(new: Made, root: Path) -> None:
    with serve(new, "array", root) as scoring:
        rows = [[57, 210.5], [30, 180]]
        expected = post(scoring, "/score", {"input_data": rows}).json()
        assert len(expected) == 2
        split = {"columns": ["age", "chol"], "index": [0, 1], "data": rows}
        assert post(scoring, "/score", {"input_data": split}).json() == pytest.approx(expected)
        assert post(scoring, "/invocations", {"inputs": rows}).json() == {"predictions": expected}
        refused = post(scoring, "/score", {"input_data": [["old", 1]]})
        assert (refused.status_code, "of the model's signature is float64" in refused.json()["message"]) == (400, True)
        assert "expected shape (-1, 2)" in post(scoring, "/score", {"input_data": [[1]]}).json()["message"]


def test_a_model_without_a_signature_takes_frames_as_they_come(new: Made, root: Path) -> None:
    with serve(new, "unsigned", root) as scoring:
        assert post(scoring, "/score", {"input_data": SPLIT}).json() == [1, 0]
        refused = post(scoring, "/v2/models/unsigned/infer", {"inputs": [{"name": "a"}]})
        assert (refused.status_code, "has no signature" in refused.json()["error"]) == (400, True)


# --- as instances of the process backend


@pytest.fixture
async def backend(root: Path, tmp_path: Path) -> AsyncIterator[ProcessBackend]:
    """Over the environments that the models were made in, as on a server that has built them before."""
    os.environ["PYTHONPATH"] = str(tmp_path / "nowhere")  # nothing of the server's reaches an instance
    backend = ProcessBackend(tmp_path / "instances", open_environments(root))
    await backend.open()
    try:
        yield backend
    finally:
        del os.environ["PYTHONPATH"]
        await backend.close()
        end_processes(tmp_path / "instances")


def build_model_spec(made: Made, name: str) -> InstanceSpec:
    spec = build_spec(model=made.mount(name), environment=made.define(name), mlflow_model=name)
    return replace(spec, environment_variables={})


async def start(backend: ProcessBackend, spec: InstanceSpec) -> InstanceObserved:
    await backend.apply(spec, attempt=1)

    def is_settled() -> bool:
        seen = backend.observe()[spec.instance_id]
        return seen.phase in (InstancePhase.RUNNING, InstancePhase.EXITED)

    await wait_until(is_settled, 120, describe=backend.observe)
    return backend.observe()[spec.instance_id]


async def score(seen: InstanceObserved, path: str, body: Any) -> Any:
    assert seen.phase is InstancePhase.RUNNING, seen
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(f"http://{seen.address}:{seen.port}{path}", json=body)
    return answer.json()


async def test_an_instance_is_made_of_the_models_own_files(backend: ProcessBackend, new: Made) -> None:
    seen = await start(backend, build_model_spec(new, "strings"))
    assert await score(seen, "/score", {"input_data": SPLIT}) == [1, 0]
    assert await score(seen, "/v2/models/strings/versions/1/infer", {}) == {
        "error": "The request has no list 'inputs' of tensors."
    }
    assert seen.notes == ()


async def test_a_model_of_mlflow_2_runs_with_the_libraries_of_its_time(backend: ProcessBackend, old: Made) -> None:
    spec = build_model_spec(old, "old")
    assert spec.environment.model_files is not None
    aged = {**spec.environment.model_files, "python_env.yaml": "python: 3.8.5\ndependencies:\n- -r requirements.txt\n"}
    spec = replace(spec, environment=replace(spec.environment, model_files=aged))
    seen = await start(backend, spec)
    assert await score(seen, "/score", {"input_data": SPLIT}) == [1, 0]
    assert await score(seen, "/invocations", {"dataframe_records": RECORDS}) == {"predictions": [1, 0]}
    assert await score(seen, "/invocations", {"dataframe_records": [ROW | {"age": 1.5}]}) == {
        "error_code": "BAD_REQUEST",
        "message": "Invalid input. Column 'age' of the model's signature is long, and row 0 has 1.5, which is not a "
        "whole number.",
    }
    assert any("python=3.8 is asked; Python 3.1" in note for note in seen.notes)
    assert any("numpy<2 is added" in note for note in seen.notes)


async def test_a_flavour_that_is_not_installed_fails_the_start(backend: ProcessBackend, new: Made, old: Made) -> None:
    spec = replace(build_model_spec(new, "xgboost"), environment=old.define("old"))
    seen = await start(backend, spec)
    assert seen.failure is not None
    assert (seen.failure.code, seen.permanent) == ("MlflowFlavorNotInstalled", True)
    assert "needs the package 'xgboost' (flavour mlflow.xgboost)" in seen.failure.message


async def test_an_mlflow_model_with_a_script_is_any_model(backend: ProcessBackend, new: Made, tmp_path: Path) -> None:
    script = tmp_path / "score.py"
    script.write_text(
        "import json, os, mlflow.pyfunc, pandas\n"
        "def init():\n"
        "    global model\n"
        "    model = mlflow.pyfunc.load_model(os.path.join(os.environ['AZUREML_MODEL_DIR'], 'strings'))\n"
        "def run(data):\n"
        "    return {'mine': model.predict(pandas.DataFrame(json.loads(data))).tolist()}\n"
    )
    spec = build_spec(
        model=new.mount("strings"),
        code=AssetMount("code", "1", (FileMount("score.py", str(script)),)),
        scoring_script="score.py",
        environment=new.define("strings"),
    )
    seen = await start(backend, replace(spec, environment_variables={}))
    assert await score(seen, "/score", RECORDS) == {"mine": [1, 0]}


async def test_models_are_told_apart_by_what_is_wrong_with_them(
    backend: ProcessBackend, new: Made, tmp_path: Path
) -> None:
    whole = build_model_spec(new, "strings")
    assert whole.model is not None
    without_pickle = replace(whole.model, files=tuple(f for f in whole.model.files if not f.path.endswith(".pkl")))
    spec = replace(whole, instance_id="no-pickle", model=without_pickle)
    seen, other = await asyncio.gather(
        start(backend, spec),
        start(
            backend,
            replace(
                whole, instance_id="no-model", environment=EnvironmentDefinition(label="of model m:1", model_files={})
            ),
        ),
    )
    assert seen.failure is not None
    assert (seen.failure.code, "model.pkl" in seen.failure.message) == ("MlflowModelLoadFailed", True)
    assert other.failure is not None
    assert other.failure.code == "MlflowModelInvalid"


@pytest.mark.parametrize("libraries", ["new", "old"])
@pytest.mark.parametrize("comparison", ["compare_frames.py", "compare_answers.py"])
def test_random_requests_are_read_as_by_mlflows_own_server(
    request: pytest.FixtureRequest, root: Path, tmp_path: Path, libraries: str, comparison: str
) -> None:
    made: Made = request.getfixturevalue(libraries)
    environ = {"HOME": str(root), "PATH": "/usr/bin:/bin", "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [made.environment.python, MAKE_MODELS.with_name(comparison), tmp_path]
    done = subprocess.run(command, env=environ, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
