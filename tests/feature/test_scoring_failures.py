"""Every way a script can fail has its name, its traceback and a hint: in the boot report and in the log, or, once it
serves, in the answer behind the gateway and in the log."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.harness.scoring import BEHIND_GATEWAY, SCRIPTS, Start, ready, scoring_servers
from tests.harness.waiting import wait_until_sync

WORKERS = pytest.mark.parametrize("workers", ["1", "2"])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with scoring_servers(tmp_path) as start:
        yield start


@dataclass(frozen=True)
class Failure:
    script: str
    code: str
    message: str
    hint: str
    traceback: str = ""
    environ: dict[str, str] = field(default_factory=dict)


AT_THE_START = (
    Failure("nowhere.py", "UserScriptNotFound", "nowhere.py", "behave.py"),
    Failure("syntax_error.py", "UserScriptSyntaxError", "line 5", "line shown", "def run(data:"),
    Failure("bad_indent.py", "UserScriptSyntaxError", "expected an indented block", "line shown", "return data"),
    Failure("missing_package.py", "UserScriptImportError", "No module named", "dependencies", "missing_package.py"),
    Failure("raises_on_import.py", "UserScriptImportError", "raised", "top level", "raises_on_import.py"),
    Failure("no_init.py", "UserScriptFunctionNotFound", "no function init()", "init() and run(data)"),
    Failure("no_run.py", "UserScriptFunctionNotFound", "no function run()", "init() and run(data)"),
    Failure("star_args.py", "UserScriptBadSignature", "*args", "run(data)"),
    Failure("run_without_arguments.py", "UserScriptBadSignature", "an argument for input data", "run(data)"),
    Failure("headers_only.py", "UserScriptBadSignature", "request_headers", "run(data)"),
    Failure("raw_and_schema.py", "UserScriptBadSignature", "both @rawhttp and @input_schema", "Drop one"),
    Failure("init_raises.py", "UserScriptInitFailed", "KeyError", "names no model", "in init"),
    Failure("init_exits.py", "UserScriptInitFailed", "SystemExit", "traceback", "in init"),
    Failure("init_out_of_memory.py", "OutOfMemory", "ran out of memory", "larger instance_type", "bytearray"),
    Failure("init_hangs.py", "StartTimedOut", "1 s", "WORKER_TIMEOUT", "wait_for_ever", {"WORKER_TIMEOUT": "1"}),
    Failure("init_hangs.py", "StartTimedOut", "1 s", "liveness_probe", "wait_for_ever", {"TEAL_START_LIMIT_S": "1"}),
    Failure("import_hangs.py", "StartTimedOut", "1 s", "WORKER_TIMEOUT", "import_hangs.py", {"WORKER_TIMEOUT": "1"}),
    Failure("text_only.py", "BadSettings", "SCORING_TIMEOUT_MS", "", "", {"SCORING_TIMEOUT_MS": "soon"}),
    Failure(
        "score.py", "BadSettings", "config.json", "JSON object", "", {"AML_APP_ROOT": str(SCRIPTS / "wrong_config")}
    ),
    Failure(
        "score.py", "BadSettings", "logging.json", "dictConfig", "", {"AML_APP_ROOT": str(SCRIPTS / "wrong_logging")}
    ),
    Failure("text_only.py", "DebuggerMissing", "debugpy", "dependencies", "", {"AZUREML_DEBUG_PORT": "5678"}),
)


@WORKERS
@pytest.mark.parametrize("failure", AT_THE_START, ids=lambda one: f"{one.script}-{one.code}")
def test_a_server_that_does_not_come_up_exits_with_3_and_says_why(start: Start, failure: Failure, workers: str) -> None:
    scoring = start(failure.script, WORKER_COUNT=workers, **failure.environ)
    assert scoring.process.wait(within_s=30) == 3
    assert scoring.report["phase"] == "failed"
    error = scoring.report["error"]
    assert error["code"] == failure.code
    assert failure.message in error["message"]
    assert failure.hint in error["hint"]
    assert failure.traceback in error["traceback"]
    printed = scoring.process.output
    assert f"{failure.code}: {error['message']}" in printed
    assert failure.hint in printed
    assert failure.traceback in printed


def test_a_worker_killed_before_it_is_ready_is_told_from_one_that_raised(start: Start) -> None:
    scoring = start("init_killed.py", WORKER_COUNT="2")
    assert scoring.process.wait() == 3
    error = scoring.report["error"]
    assert error["code"] == "WorkerKilled"
    assert "signal 9" in error["message"]
    assert "memory" in error["hint"]


def test_a_failing_init_lists_the_model_folder(start: Start, tmp_path: Path) -> None:
    model = tmp_path / "models"
    (model / "folder").mkdir(parents=True)
    scoring = start("init_raises.py", "--model_dir", str(model))
    assert scoring.process.wait() == 3
    assert "folder/" in scoring.report["error"]["hint"]
    assert "Model Directory Contents" in scoring.process.output


@dataclass(frozen=True)
class RunFailure:
    body: str
    code: str
    reason: str
    status: int
    alone: int
    logged: str
    log_hint: str


IN_RUN = (
    RunFailure("raises", "UserScriptException", "run-raised", 424, 500, 'raise LookupError("the model', "LookupError"),
    RunFailure("hangs", "ScoringTimeout", "scoring-timeout", 408, 500, "300 ms", "request_timeout_ms"),
    RunFailure("unserialisable", "ResultNotSerializable", "result-not-serializable", 424, 500, "type set", "tolist()"),
    RunFailure("out_of_memory", "OutOfMemory", "out-of-memory", 424, 500, "bytearray(1 << 62)", "larger instance_type"),
)


@pytest.mark.parametrize("failure", IN_RUN, ids=lambda one: one.body)
def test_a_run_that_fails_is_named_behind_the_gateway_and_in_the_log(start: Start, failure: RunFailure) -> None:
    scoring = ready(start)("run_fails.py", SCORING_TIMEOUT_MS="300")
    alone = httpx.post(f"{scoring.url}/score", content=failure.body)
    assert alone.status_code == failure.alone
    assert set(alone.json()) == {"message"}
    behind = httpx.post(f"{scoring.url}/score", content=failure.body, headers=BEHIND_GATEWAY)
    assert behind.status_code == failure.status
    assert behind.json()["error"]["code"] == failure.code
    assert behind.headers["ms-azureml-model-error-statuscode"] == "500"
    assert behind.headers["ms-azureml-model-error-reason"] == failure.reason
    printed = scoring.process.output
    assert printed.count(failure.code) == 2
    assert failure.logged in printed
    assert failure.log_hint in printed
    assert httpx.post(f"{scoring.url}/score", content="fine").json() == "fine"


@pytest.mark.parametrize(("body", "number"), [("killed", signal.SIGKILL), ("crashes", signal.SIGABRT)])
def test_a_single_worker_killed_in_run_ends_by_that_signal(start: Start, body: str, number: signal.Signals) -> None:
    scoring = ready(start)("run_fails.py")
    with pytest.raises(httpx.TransportError):
        httpx.post(f"{scoring.url}/score", content=body)
    assert scoring.process.wait() == -number


def test_one_of_several_workers_killed_in_run_is_replaced(start: Start) -> None:
    scoring = ready(start)("run_fails.py", WORKER_COUNT="2", TEAL_MAX_CONCURRENT="2")
    with pytest.raises(httpx.TransportError):
        httpx.post(f"{scoring.url}/score", content="killed")
    wait_until_sync(lambda: scoring.process.output.count("init has completed") == 3)
    assert "was killed by signal 9 and is replaced" in scoring.process.output
    assert httpx.post(f"{scoring.url}/score", content="fine").json() == "fine"


def test_a_port_that_is_taken_is_found_before_the_script_is_loaded(start: Start) -> None:
    first = ready(start)("text_only.py")
    second = start("behave.py", port=first.port)
    assert second.process.wait() == 3
    assert second.report["error"]["code"] == "PortTaken"
    assert "Found user script" not in second.process.output
