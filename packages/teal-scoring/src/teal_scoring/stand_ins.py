"""Modules of Azure's server that scripts import, for environments that do not hold it. Called by worker.py and
user_script.py.

They are found last: whatever is installed under one of these names comes first, and is what the script gets. As in the
reference, `azureml.contrib.services` is another name for `azureml_inference_server_http.api`.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_REFERENCE = "azureml_inference_server_http"
_OWN = f"{__package__}.script_api"

_SAME_AS = {
    f"{_REFERENCE}.api.aml_request": f"{_OWN}.aml_request",
    f"{_REFERENCE}.api.aml_response": f"{_OWN}.aml_response",
    f"{_REFERENCE}.log_config": f"{_OWN}.log_config",
    "azureml.contrib.services.aml_request": f"{_REFERENCE}.api.aml_request",
    "azureml.contrib.services.aml_response": f"{_REFERENCE}.api.aml_response",
}
_PACKAGES = {_REFERENCE, f"{_REFERENCE}.api", "azureml", "azureml.contrib", "azureml.contrib.services"}


def install_stand_ins() -> None:
    """Let the names be found. Safe to repeat."""
    if not any(isinstance(finder, _LastFinder) for finder in sys.meta_path):
        sys.meta_path.append(_LastFinder())


def is_raw_http_requested() -> bool:
    """Whether a script has used @rawhttp, under whichever name and from whichever package it came."""
    names = (name for name in (*_SAME_AS, *_SAME_AS.values()) if name.endswith("aml_request"))
    return any(getattr(sys.modules.get(name), "_rawHttpRequested", False) for name in names)


# --- private


class _LastFinder(MetaPathFinder):
    """At the end of sys.meta_path."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in _SAME_AS:
            return ModuleSpec(fullname, _Loader(_SAME_AS[fullname]), origin=_SAME_AS[fullname])
        if fullname in _PACKAGES:
            return ModuleSpec(fullname, _Loader(None), is_package=True)
        return None


class _Loader(Loader):
    def __init__(self, same_as: str | None) -> None:
        self._same_as = same_as

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        if self._same_as is not None:
            # The import system hands out what it then finds under the name.
            sys.modules[module.__name__] = importlib.import_module(self._same_as)
