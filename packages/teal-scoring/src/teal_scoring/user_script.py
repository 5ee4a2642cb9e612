"""The user's score.py: find it, import it, check it, call its init(). Used by worker.py; every way it can be wrong has
a name and a hint.

BootFailed                          (failures.py)
└── UserScriptError
    ├── UserScriptNotFound          no such file
    ├── UserScriptSyntaxError       Python cannot parse it
    ├── UserScriptImportError       its top level raised, usually a missing package
    ├── UserScriptFunctionNotFound  no init() or no run()
    ├── UserScriptBadSignature      run() cannot be called with the request
    ├── UserScriptInitFailed        init() raised
    └── OutOfMemory                 there was not enough of it, while importing or in init()
"""

import importlib
import importlib.util
import inspect
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from .failures import BootFailed, describe_error
from .inputs import InputStyle, JsonStringStyle, RawHttpStyle, SchemaStyle
from .script_environment import find_script
from .stand_ins import is_raw_http_requested

MODEL_TREE_LINES = 200
HINT_TREE_LINES = 20

logger = logging.getLogger("azmlinfsrv.user_script")

_MORE_MEMORY = "Choose a larger instance_type, or load less: a smaller model, fewer workers."
_MODULE = "entry_module"
_CALLABLE_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class UserScriptError(BootFailed):
    pass


class UserScriptNotFound(UserScriptError):
    pass


class UserScriptSyntaxError(UserScriptError):
    pass


class UserScriptImportError(UserScriptError):
    pass


class UserScriptFunctionNotFound(UserScriptError):
    pass


class UserScriptBadSignature(UserScriptError):
    pass


class UserScriptInitFailed(UserScriptError):
    pass


class OutOfMemory(UserScriptError):
    """Called as the compute room calls it when it finds an instance over its limit."""


@dataclass(frozen=True)
class UserScript:
    """An imported script whose functions exist and can be called."""

    path: str
    module: ModuleType
    init: Callable[[], object]
    run: Callable[..., object]
    style: InputStyle
    wants_headers: bool
    is_async: bool
    """run() must be awaited, or gives its answer as an asynchronous generator."""


def load_user_script(entry_script: str | None, app_root: Path, source_directory: str | None) -> UserScript:
    """Import the script with the app root last on the path, so that no file of the user hides a library."""
    sys.path.append(str(app_root))
    if source_directory:
        sys.path.append(str(app_root / source_directory))
    module = _import_file(_find_script(entry_script, app_root)) if entry_script else _import_main(app_root)
    # A generated driver script forwards to the real one in `driver_module`: its init() adds something, its run() not.
    driven = getattr(module, "driver_module", None)
    source = driven if isinstance(driven, ModuleType) and hasattr(driven, "run") else module
    init, run = _function(module, "init"), _function(source, "run")
    logger.info("Found user script at %s", module.__file__)
    style, wants_headers = _analyse_run(run)
    script = source if isinstance(source, ModuleType) else module
    return UserScript(str(module.__file__), script, init, run, style, wants_headers, _is_async(run))


def call_init(
    script: UserScript, model_dir: str | None, finish: Callable[[object], None] = lambda _returned: None
) -> None:
    """init() of the script; `finish` gets what it returned, which is a coroutine if it is asynchronous. Raises
    UserScriptInitFailed, also for sys.exit() in it."""
    logger.info("Invoking user's init function")
    try:
        finish(script.init())
    except BootFailed:
        raise
    except MemoryError as error:
        raise OutOfMemory(f"init() in {script.path} ran out of memory", _MORE_MEMORY) from error
    except BaseException as error:  # also SystemExit: whatever ends init() must be reported
        message = f"init() in {script.path} raised {describe_error(error)}"
        raise UserScriptInitFailed(message, _hint_for_init(error, model_dir)) from error
    logger.info("Users's init has completed successfully")


def walk_folder(folder: Path, prefix: str = "") -> Iterator[str]:
    """What lies in a folder, as paths relative to it: `model/`, `model/weights.pkl`."""
    try:
        found = [entry for entry in folder.iterdir() if entry.name != "__pycache__"]
        entries = sorted(found, key=lambda entry: (entry.is_dir(), entry.name))
    except OSError as error:
        yield f"{prefix} ({error.strerror})"
        return
    for entry in entries:
        if not entry.is_dir():
            yield prefix + entry.name
            continue
        yield f"{prefix}{entry.name}/"
        if not entry.is_symlink():
            yield from walk_folder(entry, f"{prefix}{entry.name}/")


# --- private


def _find_script(entry_script: str, app_root: Path) -> Path:
    path = find_script(entry_script, app_root)
    if path is not None:
        return path
    listing = ", ".join(islice(walk_folder(app_root), HINT_TREE_LINES)) or "nothing"
    raise UserScriptNotFound(
        f"The scoring script {entry_script!r} does not exist in {app_root}",
        f"Check code_configuration.scoring_script; the code folder holds: {listing}",
    )


def _import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(_MODULE, path)
    if spec is None or spec.loader is None:
        raise UserScriptImportError(f"{path} is not a Python file", "The scoring script's name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[_MODULE] = module
    loader = spec.loader
    _importing(str(path), lambda: loader.exec_module(module))
    return module


def _import_main(app_root: Path) -> ModuleType:
    if importlib.util.find_spec("main") is None:
        raise UserScriptNotFound(
            f"No scoring script was named and there is no main.py in {app_root}",
            "Set code_configuration.scoring_script (AZUREML_ENTRY_SCRIPT).",
        )
    module: ModuleType = _importing("main.py", lambda: importlib.import_module("main"))
    return module


def _importing(path: str, do_import: Callable[[], Any]) -> Any:
    try:
        return do_import()
    except SyntaxError as error:
        where = f"{error.filename or path}, line {error.lineno}"
        raise UserScriptSyntaxError(f"{where}: {error.msg}", "Fix the line shown in the traceback.") from error
    except BootFailed:
        raise
    except MemoryError as error:
        raise OutOfMemory(f"Importing {path} ran out of memory", _MORE_MEMORY) from error
    except BaseException as error:  # also SystemExit: whatever ends the import must be reported
        raise UserScriptImportError(
            f"Importing {path} raised {describe_error(error)}", _hint_for_import(error)
        ) from error


def _function(module: ModuleType, name: str) -> Callable[..., object]:
    function = getattr(module, name, None)
    if callable(function):
        return function  # type: ignore[no-any-return]
    what = "has no function" if function is None else "has something that cannot be called as"
    raise UserScriptFunctionNotFound(
        f"{module.__file__} {what} {name}()", "A scoring script defines init() and run(data) at its top level."
    )


def _analyse_run(run: Callable[..., object]) -> tuple[InputStyle, bool]:
    hint = "Declare it as run(data) or run(data, request_headers)."
    try:
        parameters = list(inspect.signature(run).parameters.values())
    except (TypeError, ValueError) as error:
        raise UserScriptBadSignature(f"The parameters of run() cannot be read: {error}", hint) from error
    if any(parameter.kind not in _CALLABLE_BY_NAME for parameter in parameters):
        raise UserScriptBadSignature("run() cannot accept positional-only arguments, *args, or **kwargs.", hint)
    inputs = [parameter for parameter in parameters if parameter.name != "request_headers"]
    wants_headers = len(inputs) < len(parameters)
    if not inputs and parameters:
        raise UserScriptBadSignature('run() needs to accept an argument other than "request_headers".', hint)
    if not inputs:
        raise UserScriptBadSignature("run() needs to accept an argument for input data.", hint)
    is_raw, has_schema = is_raw_http_requested(), _has_schema(run)
    if is_raw and has_schema:
        raise UserScriptBadSignature("run() cannot be decorated with both @rawhttp and @input_schema", "Drop one.")
    if has_schema:
        style = SchemaStyle(inputs)
        names = ", ".join(style.names)
        logger.info(
            "run() is decorated with @input_schema. Server will invoke it with the following arguments: %s.", names
        )
        return style, wants_headers
    extra = [parameter.name for parameter in inputs[1:] if parameter.default is inspect.Parameter.empty]
    if extra:
        raise UserScriptBadSignature(f"run() gets one argument, and {', '.join(extra)} would be missing.", hint)
    if is_raw:
        logger.info("run() is decorated with @rawhttp. Server will invoke it with the flask request object.")
        return RawHttpStyle(inputs[0]), wants_headers
    logger.info("run() is not decorated. Server will invoke it with the input in JSON string.")
    return JsonStringStyle(inputs[0]), wants_headers


def _has_schema(run: Callable[..., object]) -> bool:
    """Whether inference-schema knows the function; it is loaded if a script uses its decorators."""
    schemas: Any = sys.modules.get("inference_schema.schema_util")
    return schemas is not None and bool(schemas.is_schema_decorated(run))


def _is_async(run: Callable[..., object]) -> bool:
    inner = inspect.unwrap(run)
    return inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner)


def _hint_for_import(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return (
            f"No module {package!r}: add the package that provides it to the environment's dependencies, or, if it is a"
            " file of yours, check that it lies in the root of the code folder."
        )
    if isinstance(error, ImportError):
        return "A package is there but does not load: check its version, and the system libraries it needs."
    return "The top level of the script raised; move what can fail into init(), or fix what the traceback shows."


def _hint_for_init(error: BaseException, model_dir: str | None) -> str:
    if isinstance(error, KeyError) and error.args == ("AZUREML_MODEL_DIR",):
        return "The deployment names no model, so AZUREML_MODEL_DIR is not set."
    if isinstance(error, (FileNotFoundError, NotADirectoryError, IsADirectoryError)):
        if not model_dir:
            return "The deployment names no model, so AZUREML_MODEL_DIR is not set."
        listing = ", ".join(islice(walk_folder(Path(model_dir)), HINT_TREE_LINES)) or "nothing"
        return (
            f"AZUREML_MODEL_DIR is {model_dir} and holds: {listing}. A model registered as a folder lies in it under"
            " the folder's own name."
        )
    if isinstance(error, ModuleNotFoundError):
        return _hint_for_import(error)
    return "See the traceback; a pickled model needs the library versions it was trained with."
