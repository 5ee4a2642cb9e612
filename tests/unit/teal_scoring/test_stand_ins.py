import subprocess
import sys
from pathlib import Path

INSTALL = "from teal_scoring.stand_ins import install_stand_ins, is_raw_http_requested; install_stand_ins()\n"


def run(code: str, *path: Path) -> str:
    """In an interpreter of its own: what is tested is what gets imported."""
    prepare = f"import sys; sys.path[:0] = {[str(one) for one in path]!r}\n"
    done = subprocess.run(
        [sys.executable, "-c", prepare + INSTALL + code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_both_names_lead_to_the_same_classes() -> None:
    assert (
        run(
            "import azureml_inference_server_http.api.aml_request as a, azureml.contrib.services.aml_request as b\n"
            "from azureml_inference_server_http.api.aml_response import AMLResponse as c\n"
            "from azureml.contrib.services.aml_response import AMLResponse as d\n"
            "from azureml.contrib.services.aml_request import *\n"
            "print(a is b, c is d, AMLRequest is a.AMLRequest, is_raw_http_requested())\n"
            "rawhttp(print)\n"
            "print(is_raw_http_requested())"
        )
        == "True True True False\nTrue"
    )


def test_nothing_of_werkzeug_is_loaded_before_a_script_asks_for_it() -> None:
    assert run("import teal_scoring.worker; print('werkzeug' in sys.modules, 'flask' in sys.modules)") == "False False"


def test_what_is_installed_comes_first(tmp_path: Path) -> None:
    package = tmp_path / "azureml_inference_server_http" / "api"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "aml_request.py").write_text("REAL = True\n_rawHttpRequested = True\n")
    (tmp_path / "azureml" / "core").mkdir(parents=True)
    (tmp_path / "azureml" / "core" / "__init__.py").write_text("HERE = 1\n")
    assert (
        run(
            "import azureml.core\nfrom azureml.contrib.services import aml_request\n"
            "print(azureml.core.HERE, aml_request.REAL, is_raw_http_requested())",
            tmp_path,
        )
        == "1 True True"
    )


def test_other_names_are_still_not_found() -> None:
    run("try: import azureml.core\nexcept ModuleNotFoundError: pass\nelse: raise SystemExit(1)")
