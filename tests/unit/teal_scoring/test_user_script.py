import sys
from pathlib import Path

import pytest

from teal_scoring.failures import format_user_traceback
from teal_scoring.user_script import (
    UserScriptBadSignature,
    UserScriptError,
    UserScriptFunctionNotFound,
    UserScriptImportError,
    UserScriptInitFailed,
    UserScriptNotFound,
    UserScriptSyntaxError,
    call_init,
    load_user_script,
)

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(autouse=True)
def _own_import_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", sys.modules)
    monkeypatch.delitem(sys.modules, "entry_module", raising=False)
    monkeypatch.delenv("AZUREML_MODEL_DIR", raising=False)


@pytest.mark.parametrize(
    ("script", "failure", "message", "hint"),
    [
        ("nowhere.py", UserScriptNotFound, "nowhere.py", "behave.py"),
        ("no_init.py", UserScriptFunctionNotFound, "no function init()", "init() and run(data)"),
        ("no_run.py", UserScriptFunctionNotFound, "no function run()", "init() and run(data)"),
        ("star_args.py", UserScriptBadSignature, "*args", "run(data)"),
        ("headers_only.py", UserScriptBadSignature, 'other than "request_headers"', "run(data)"),
        ("missing_package.py", UserScriptImportError, "no_such_package_of_teal", "environment's dependencies"),
        ("raises_on_import.py", UserScriptImportError, "RuntimeError: not today", "top level"),
    ],
)
def test_every_way_a_script_can_be_wrong_has_a_name_and_a_hint(
    script: str, failure: type[UserScriptError], message: str, hint: str
) -> None:
    with pytest.raises(failure) as caught:
        load_user_script(script, SCRIPTS, None)
    assert caught.value.code == failure.__name__
    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_a_syntax_error_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "score.py").write_text("def init():\n    pass\n\ndef run(data:\n    pass\n")
    with pytest.raises(UserScriptSyntaxError, match=r"score\.py, line 4"):
        load_user_script("score.py", tmp_path, None)


def test_a_traceback_begins_in_the_users_code() -> None:
    with pytest.raises(UserScriptImportError) as caught:
        load_user_script("raises_on_import.py", SCRIPTS, None)
    assert caught.value.__cause__ is not None
    frames = [line for line in format_user_traceback(caught.value.__cause__).splitlines() if "File" in line]
    assert len(frames) == 1
    assert "raises_on_import.py" in frames[0]


def test_init_that_raises_shows_what_the_model_folder_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.pkl").touch()
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path))
    script = load_user_script("init_raises.py", SCRIPTS, None)
    with pytest.raises(UserScriptInitFailed, match="FileNotFoundError") as caught:
        call_init(script, str(tmp_path))
    assert "model/, model/model.pkl" in caught.value.hint


def test_init_without_a_model_says_that_the_deployment_names_none() -> None:
    script = load_user_script("init_raises.py", SCRIPTS, None)
    with pytest.raises(UserScriptInitFailed) as caught:
        call_init(script, None)
    assert "names no model" in caught.value.hint


def test_init_that_leaves_the_process_is_a_failure() -> None:
    script = load_user_script("init_exits.py", SCRIPTS, None)
    with pytest.raises(UserScriptInitFailed, match="SystemExit"):
        call_init(script, None)


def test_the_app_root_comes_last_on_the_path(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "json.py").write_text("raise RuntimeError('hides the library')")
    (tmp_path / "src" / "teal_test_beside.py").write_text("WHERE = 'source directory'")
    (tmp_path / "score.py").write_text(
        "import json\nfrom teal_test_beside import WHERE\ndef init(): pass\ndef run(data): return WHERE\n"
    )
    script = load_user_script("score.py", tmp_path, "src")
    assert script.run("x") == "source directory"
    assert sys.path[-2:] == [str(tmp_path), str(tmp_path / "src")]


def test_a_driver_scripts_run_is_skipped_but_its_init_is_called(tmp_path: Path) -> None:
    (tmp_path / "teal_test_driven.py").write_text("def run(data): return 'driven'\n")
    (tmp_path / "driver.py").write_text(
        "import teal_test_driven as driver_module\ndef init(): raise LookupError\ndef run(*data): pass\n"
    )
    script = load_user_script("driver.py", tmp_path, None)
    assert script.run("x") == "driven"
    with pytest.raises(LookupError):
        script.init()


def test_request_headers_are_given_only_to_a_run_that_asks() -> None:
    assert load_user_script("behave.py", SCRIPTS, None).wants_headers
    assert not load_user_script("text_only.py", SCRIPTS, None).wants_headers
