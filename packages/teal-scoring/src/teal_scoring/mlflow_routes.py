"""The routes that an MLflow model has besides those of every instance: MLflow's own server's, and the Open Inference
Protocol's. Used by http.py, through the protocol `MoreRoutes`."""

import json
from collections.abc import Mapping
from typing import Any

from .answers import JSON, Answer, Fault, answer_document
from .mlflow_invocation import INVOCATIONS
from .open_inference import OpenInference
from .version import VERSION

_GET = frozenset({"GET", "HEAD", "OPTIONS"})
_POST = frozenset({"POST", "OPTIONS"})
_PONG = Answer(200, b"\n", JSON)


class MlflowRoutes:
    """`methods` are all paths with what they take; `scored` those that predict()."""

    def __init__(self, open_inference: OpenInference, mlflow_version: str) -> None:
        model = f"/v2/models/{open_inference.name}"
        version = f"{model}/versions/{open_inference.version}"
        server: dict[str, Any] = {"name": "teal-scoring", "version": VERSION, "extensions": []}
        self._model = model
        self._answers: dict[str, Answer] = {
            "/ping": _PONG,
            "/health": _PONG,
            "/version": Answer(200, mlflow_version.encode(), JSON),
            "/v2": answer_document(server),
            "/v2/health/live": answer_document({"live": True}),
            "/v2/health/ready": answer_document({"ready": True}),
        }
        described = answer_document(open_inference.describe())
        ready = answer_document({"name": open_inference.name, "ready": True})
        for path in (model, version):
            self._answers[path] = described
            self._answers[f"{path}/ready"] = ready
        self.scored = frozenset({INVOCATIONS, f"{model}/infer", f"{version}/infer"})
        self.methods: Mapping[str, frozenset[str]] = {
            **dict.fromkeys(self._answers, _GET),
            **dict.fromkeys(self.scored, _POST),
        }

    def find(self, path: str) -> "Answer | None":
        """The answer to a GET; None: not one of these routes."""
        return self._answers.get(path)

    def explain_missing(self, path: str) -> "Answer | None":
        """The inference protocol's words for a path that is none; None: it is not the protocol's either."""
        if not path.startswith("/v2/"):
            return None
        message = f"There is no {path} here; the model is {self._model}."
        return Answer(404, json.dumps({"error": message}).encode(), fault=Fault("NotFound", "not-found", message))
