"""What scripts import as `azureml_inference_server_http.api.aml_request` (or `azureml.contrib.services.aml_request`)
where that package is not installed; see stand_ins.py. Loaded by scripts that use it only, and werkzeug with it."""

from collections.abc import Callable
from typing import Any, TypeVar

from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Request

Run = TypeVar("Run", bound=Callable[..., Any])

_rawHttpRequested = False  # the original's name: see stand_ins.is_raw_http_requested


def rawhttp(func: Run) -> Run:
    """Marks run(): it wants the HTTP request itself, and may answer with an AMLResponse."""
    global _rawHttpRequested
    _rawHttpRequested = True
    return func


class AMLRequest(Request):
    """The request that run() gets: werkzeug's, with the members that Flask's has besides."""

    url_rule = None
    view_args: dict[str, Any] | None = None
    routing_exception = None
    endpoint = "main.handle_score"
    blueprint = "main"
    blueprints = ("main",)

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        """As in Flask, the error does not tell the client what was wrong."""
        try:
            return super().on_json_loading_failed(e)
        except BadRequest as error:
            raise BadRequest from error
