"""Every way a script can fail is named, with its traceback and what to do: where the deployment is created, in what it
says of itself, in its log, and by `teal check` before there is a deployment."""

import re
import shutil
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import httpx
import pytest

from teal import MLClient
from teal.entities import EndpointAuthKeys
from teal.sdk.errors import OperationFailed
from tests.harness.command_line import CommandLine, running_teal
from tests.harness.processes import running_process
from tests.harness.scoring import SCRIPTS
from tests.harness.waiting import wait_until_sync

ENDPOINT = "failures"
DEPLOYMENT = """\
name: {name}
endpoint_name: failures
code_configuration: {{code: code, scoring_script: {script}.py}}
environment: {{image: any, conda_file: {conda}.yml}}
instance_type: Standard_DS3_v2
instance_count: 1
"""
#: Nobody has these packages, so a script that gets as far as them has passed every look at its text.
CONDAS = {
    "plain": "dependencies: [python=3.11]\n",
    "unbuildable": "dependencies: [python=3.11, pip, {pip: [no-such-package-of-teal==1.0]}]\n",
}


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    folder = tmp_path_factory.mktemp("failures")
    (folder / "code").mkdir()
    for script in SCRIPTS.glob("*.py"):
        shutil.copy(script, folder / "code")
    for name, conda in CONDAS.items():
        (folder / f"{name}.yml").write_text(conda)
    with running_teal(folder) as line:
        line.must("online-endpoint", "create", "-n", ENDPOINT)
        # The environment of all of them; from here on it is there.
        line.must("check", "-f", write_deployment(line, "sum_rows"))
        yield line


@pytest.fixture
def client(line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Iterator[MLClient]:
    for name in ("TEAL_DATA_DIR", "TEAL_CONFIG_DIR"):
        monkeypatch.setenv(name, line.environ[name])
    with MLClient() as client:
        yield client


@dataclass(frozen=True)
class Failure:
    script: str
    code: str
    hint: str
    traceback: str = ""
    settings: tuple[str, ...] = ()


QUICKLY = tuple(
    f"{probe}.{setting}=1"
    for probe in ("liveness_probe", "readiness_probe")
    for setting in ("initial_delay", "period", "failure_threshold")
)
AT_THE_START = (
    Failure("nowhere", "UserScriptNotFound", "the code folder holds"),
    Failure("syntax_error", "UserScriptSyntaxError", "line shown", "def run(data:"),
    Failure("missing_package", "UserScriptImportError", "dependencies", "missing_package.py"),
    Failure("raises_on_import", "UserScriptImportError", "top level", "not today"),
    Failure("no_init", "UserScriptFunctionNotFound", "init() and run(data)"),
    Failure("no_run", "UserScriptFunctionNotFound", "init() and run(data)"),
    Failure("star_args", "UserScriptBadSignature", "run(data)"),
    Failure("init_raises", "UserScriptInitFailed", "names no model", "in init"),
    Failure("init_hangs", "StartTimedOut", "liveness_probe", "wait_for_ever", QUICKLY),
    Failure("init_out_of_memory", "OutOfMemory", "larger instance_type", "bytearray"),
    Failure("init_killed", "InstanceExited", "run out of memory", "SIGKILL"),
)


@pytest.mark.parametrize("failure", AT_THE_START, ids=lambda one: one.script)
def test_a_script_that_cannot_serve_is_explained_wherever_one_looks(
    line: CommandLine, client: MLClient, failure: Failure
) -> None:
    settings = ("--set", *failure.settings) if failure.settings else ()
    file = write_deployment(line, failure.script)
    answer = line.teal("online-deployment", "create", "-f", file, "--skip-script-validation", *settings)
    assert (answer.status, answer.out) == (1, "")
    assert f"({failure.code})" in answer.err
    name = name_of(failure.script)
    shown = client.online_deployments.get(name, ENDPOINT)
    assert shown.provisioning_state == "Failed"
    assert shown.provisioning_error is not None
    assert shown.provisioning_error["code"] == failure.code
    logged = client.online_deployments.get_logs(name, ENDPOINT)
    assert failure.code in logged
    for told in (answer.err, shown.provisioning_error["message"], logged):
        assert failure.hint in told
        assert failure.traceback in told
    client.online_deployments.begin_delete(name, ENDPOINT).result()


def test_what_the_text_of_a_script_tells_is_said_before_its_environment_is_built(
    line: CommandLine, client: MLClient
) -> None:
    file = write_deployment(line, "no_run", "unbuildable")
    answer = line.teal("online-deployment", "create", "-f", file)
    assert "(UserScriptFunctionNotFound)" in answer.err
    failed = client.online_deployments.get("no-run", ENDPOINT)
    assert [step["name"] for step in (failed.observed or {})["phases"]][-1] == "reading script"
    # By the server as well: this client looks at less, and what is named by its id is looked at by none.
    code = failed.code_configuration
    assert code is not None
    for script, name in (("bad_indent", "UserScriptSyntaxError"), ("nowhere", "UserScriptNotFound")):
        other = replace(failed, code_configuration=replace(code, scoring_script=f"{script}.py"))
        with pytest.raises(OperationFailed) as refused:
            client.online_deployments.begin_create_or_update(other).result()
        assert refused.value.code == name
    with pytest.raises(OperationFailed) as refused:
        client.online_deployments.begin_create_or_update(other, skip_script_validation=True).result()
    assert refused.value.code.startswith("Environment")
    client.online_deployments.begin_delete("no-run", ENDPOINT).result()


def test_a_request_that_fails_is_explained_in_the_log(line: CommandLine, client: MLClient) -> None:
    file = write_deployment(line, "run_fails")
    settings = ("request_settings.request_timeout_ms=1000", "request_settings.max_concurrent_requests_per_instance=4")
    line.must("online-deployment", "create", "-f", file, "--set", *settings)
    made = client.online_deployments.get("run-fails", ENDPOINT)
    steps = {step["name"]: step["seconds"] for step in (made.observed or {})["phases"]}
    # The check in the fixture has built it.
    assert list(steps)[1:3] == ["placing files", "looking up environment"]
    assert list(steps)[3:] == ["starting", "importing", "initialising", "probing", "routing"]
    uri = client.online_endpoints.get(ENDPOINT).scoring_uri
    keys = client.online_endpoints.get_keys(ENDPOINT)
    assert uri is not None
    assert isinstance(keys, EndpointAuthKeys)
    headers = {"Authorization": f"Bearer {keys.primary_key}", "azureml-model-deployment": "run-fails"}
    for body, code, told in (
        ("raises", "UserScriptException", "the model knows no such row"),
        ("unserialisable", "ResultNotSerializable", "tolist()"),
        ("out_of_memory", "OutOfMemory", "larger instance_type"),
        # Instance and gateway look at the same clock; either may be first to answer.
        ("hangs", "(Scoring|Request)Timeout", "request_timeout_ms"),
        ("killed", "InstanceLost", "The process was ended by SIGKILL."),
    ):
        refused = httpx.post(uri, content=body, headers=headers, timeout=30)
        assert re.fullmatch(code, refused.json()["error"]["code"])

        def is_told(told: str = told) -> bool:
            return told in client.online_deployments.get_logs("run-fails", ENDPOINT)

        wait_until_sync(is_told)


def test_a_check_says_each_step_and_what_was_answered(line: CommandLine, client: MLClient) -> None:
    (line.folder / "request.json").write_text('{"data": [[1, 2], [3]]}')
    answer = line.must("check", "-f", write_deployment(line, "sum_rows"), "-r", "request.json")
    told = answer.out.splitlines()
    for words in ("environment looked up", "script imported", "init() called", "sample request sent"):
        assert any(one.startswith(words) and one.endswith(" s") for one in told), words
    assert "  answered 200: " in answer.out
    assert told[-1] == "sum-rows can be deployed."
    assert "sum-rows" not in [one.name for one in client.online_deployments.list(ENDPOINT)]
    assert not list((line.folder / "data" / "instances").glob("check*"))


@pytest.mark.parametrize("failure", [AT_THE_START[2], AT_THE_START[7], AT_THE_START[10]], ids=lambda one: one.script)
def test_a_check_names_what_a_deployment_would_fail_of(line: CommandLine, failure: Failure) -> None:
    answer = line.teal("check", "-f", write_deployment(line, failure.script))
    assert answer.status == 1
    assert [row.endswith("FAILED") for row in answer.out.splitlines()].count(True) == 1
    for told in (f"({failure.code})", failure.hint, failure.traceback):
        assert told in answer.err


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [("raises", "UserScriptException", "the model knows no such row"), ("crashes", "InstanceExited", "SIGABRT")],
)
def test_a_check_shows_what_a_sample_request_did(line: CommandLine, body: str, code: str, told: str) -> None:
    (line.folder / "request.txt").write_text(body)
    answer = line.teal("check", "-f", write_deployment(line, "run_fails"), "-r", "request.txt")
    assert answer.status == 1
    assert "sample request sent" in answer.out
    assert f"({code})" in answer.err
    assert told in answer.err


def test_a_check_that_is_interrupted_leaves_nothing_running(line: CommandLine) -> None:
    words = [sys.executable, "-m", "teal.cli.main", "check", "-f", write_deployment(line, "init_hangs")]
    instances = line.folder / "data" / "instances"
    log = line.folder / "check.txt"
    with running_process(words, log_path=log, cwd=line.folder, env=line.environ) as checking:
        wait_until_sync(lambda: "script imported" in checking.output)
        assert list(instances.glob("check*"))
        checking.send_signal(signal.SIGINT)
        assert checking.wait() == 130
        assert "nothing of it runs any more" in checking.output
    assert not list(instances.glob("check*"))


# --- private


def write_deployment(line: CommandLine, script: str, conda: str = "plain") -> str:
    file = line.folder / f"{script}-{conda}.yml"
    file.write_text(DEPLOYMENT.format(name=name_of(script), script=script, conda=conda))
    return file.name


def name_of(script: str) -> str:
    return script.replace("_", "-")
