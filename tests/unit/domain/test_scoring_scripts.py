"""What the text of a scoring script is enough to refuse, and what it is not."""

import pytest

from teal.domain.failures import Failure
from teal.domain.scoring_scripts import MAX_CHECKED_BYTES, find_script_fault

INIT, RUN = "def init(): ...\n", "def run(data): ...\n"


def fault_of(source: str, **changes: bool) -> Failure | None:
    return find_script_fault(source.encode(), "score.py", **changes)


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        (INIT + "def run(data:\n", "UserScriptSyntaxError", "score.py, line 2"),
        ("def run(data):\nreturn data\n", "UserScriptSyntaxError", "expected an indented block"),
        (RUN, "UserScriptFunctionNotFound", "no function init()"),
        (INIT, "UserScriptFunctionNotFound", "no function run()"),
        ("", "UserScriptFunctionNotFound", "no function init()"),
        (INIT + "def run(*args): ...\n", "UserScriptBadSignature", "*args"),
        (INIT + "def run(data, /): ...\n", "UserScriptBadSignature", "positional-only"),
        (INIT + "def run(): ...\n", "UserScriptBadSignature", "an argument for input data"),
        (INIT + "async def run(request_headers): ...\n", "UserScriptBadSignature", 'other than "request_headers"'),
    ],
)
def test_what_cannot_work_is_refused_under_the_name_it_would_have_later(source: str, code: str, message: str) -> None:
    fault = fault_of(source)
    assert fault is not None
    assert fault.code == code
    assert message in fault.message
    assert fault.hint


def test_a_syntax_error_is_shown_with_its_line() -> None:
    fault = fault_of("x = (\n")
    assert fault is not None
    assert fault.traceback is not None
    assert 'File "score.py", line 1' in fault.traceback
    assert "x = (" in fault.traceback


@pytest.mark.parametrize(
    "source",
    [
        INIT + RUN,
        INIT + "async def run(data, request_headers): ...\n",
        "from model_code import init, run\n",
        "from model_code import *\n",
        "import model_code\ninit, run = model_code.init, model_code.run\n",
        "import model_code as driver_module\n" + INIT,
        "if True:\n    def init(): ...\n    def run(data): ...\n",
        "def make():\n    global init, run\n    def init(): ...\n    run = print\nmake()\n",
        "globals().update(init=print, run=print)\n",
        "exec(open('other.py').read())\n",
        "import sys\nsys.modules[__name__].__dict__.update(init=print)\n",
        INIT + "@rawhttp\ndef run(*args): ...\n",
        INIT + "def run(*args): ...\nrun = wrap(run)\n",
        INIT + "class Model:\n    def run(self): ...\nrun = Model().run\n",
        "# -*- coding: latin-1 -*-\n" + INIT + RUN,
        '"\\d"\n' + INIT + RUN,
        INIT + RUN + "#" * MAX_CHECKED_BYTES,
    ],
)
def test_what_may_work_is_left_to_the_import(source: str) -> None:
    assert fault_of(source) is None


def test_a_newer_python_may_know_more_syntax() -> None:
    assert fault_of("def f[¤](): ...\n", knows_syntax=False) is None
