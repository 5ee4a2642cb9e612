"""Flask's request context around run(), for scripts that use Flask itself (`from flask import request, jsonify`) or
Azure's server package, whose request is Flask's. Used by worker.py; nothing of it is loaded for other scripts."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from .inputs import ScoreRequest


def wants_flask(module: ModuleType, *, is_raw: bool) -> bool:
    """Whether the script has anything of Flask's at hand."""
    flask = sys.modules.get("flask")
    if flask is None:
        return False
    if is_raw:
        return True
    members = {id(value) for name, value in vars(flask).items() if not name.startswith("__")}
    return any(value is flask or id(value) in members for value in vars(module).values())


class FlaskContexts:
    """One Flask application, never asked to route anything."""

    def __init__(self) -> None:
        import flask  # type: ignore[import-not-found, unused-ignore]

        self._app: Any = flask.Flask("teal_scoring_script")

    @contextmanager
    def around(self, request: ScoreRequest) -> Iterator[ScoreRequest]:
        """Inside, `flask.request` is the request, and so is what @rawhttp hands over."""
        from .raw_http import build_environ

        with self._app.request_context(build_environ(request)) as context:
            inner = ScoreRequest(request.method, request.query, request.header_view, request.body, context.request)
            yield inner
