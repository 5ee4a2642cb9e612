"""One request to an MLflow model, from body to answer. Runs on a scoring thread, in the place of invocation.py.

/score and /invocations take the same payloads. They differ in how a refusal looks: on /invocations it is what MLflow's
own server answers, status, `error_code` and traceback, also behind the gateway.
"""

import inspect
import json
import logging
import time
import traceback
from typing import Any

from mlflow.exceptions import MlflowException

from .admission import RunInterrupted
from .answers import Answer, Fault, answer_result, answer_result_not_serialisable
from .failures import format_user_traceback
from .inputs import ScoreRequest
from .mlflow_model import find_predict
from .mlflow_payloads import BadPayload, Payload, Payloads, UnsupportedContent
from .mlflow_predictions import Shape, encode_predictions
from .mlflow_signature import build_signature
from .open_inference import OpenInference

INVOCATIONS = "/invocations"

logger = logging.getLogger("azmlinfsrv")

_RUN_FAILED = ("x-ms-run-function-failed", "True")
_RUN_FINE = ("x-ms-run-function-failed", "False")


class MlflowInvocation:
    """How to call one model."""

    def __init__(self, model: Any, name: str, version: str) -> None:
        metadata = model.metadata
        schema = metadata.get_input_schema()
        params_schema = metadata.get_params_schema() if hasattr(metadata, "get_params_schema") else None
        is_hint = getattr(metadata, "_is_signature_from_type_hint", lambda: False)()
        self.inputs = build_signature(schema)
        self.outputs = build_signature(metadata.get_output_schema())
        self.open_inference = OpenInference(name, version, self.inputs, self.outputs)
        self._payloads = Payloads(schema, self.inputs, params_schema, is_from_type_hint=is_hint)
        self._model = model
        self._takes_params = "params" in inspect.signature(model.predict).parameters
        self._direct = None if params_schema or is_hint else find_predict(model)
        self._direct_takes_params = self._direct is not None and "params" in inspect.signature(self._direct).parameters

    def invoke(self, request: ScoreRequest) -> Answer:
        """The answer, whatever happens; raises RunInterrupted only."""
        path = request.scope.path
        is_mlflow = path == INVOCATIONS
        if path.startswith("/v2/"):
            return self._infer(request)
        try:
            payload = self._payloads.parse(request.body, request.header_view.get("content-type"), is_strict=is_mlflow)
        except UnsupportedContent as error:
            return Answer(415, str(error).encode(), "text/plain", (_RUN_FINE,), keeps_status=True)
        except BadPayload as error:
            return _refuse(400, error.code, f"Invalid input. {error}", is_mlflow, error.trace)
        except MlflowException as error:
            return _refuse_as_mlflow(error, error.message, is_mlflow)
        except Exception as error:  # noqa: BLE001 (the edge: what pandas and numpy raise of odd values is not one thing)
            return _refuse(400, "BAD_REQUEST", f"Invalid input. {_describe(error)}", is_mlflow, traceback.format_exc())
        started = time.perf_counter()
        try:
            raw = self._predict(payload)
        except RunInterrupted:
            raise
        except MlflowException as error:
            return _refuse_as_mlflow(error, error.message, is_mlflow)
        except BaseException as error:  # noqa: BLE001 (the edge: a model may raise anything)
            return _fail(error, is_mlflow)
        exec_ms = (time.perf_counter() - started) * 1e3
        try:
            return answer_result(encode_predictions(raw, payload.shape), exec_ms)
        except (TypeError, ValueError) as error:
            logger.error("The model's answer, of type %s, cannot be written as JSON: %s", type(raw).__name__, error)
            return answer_result_not_serialisable()

    async def invoke_async(self, request: ScoreRequest) -> Answer:
        return self.invoke(request)

    # --- private

    def _predict(self, payload: Payload) -> Any:
        if payload.is_enforced and self._direct is not None and payload.params is None:
            return self._direct(payload.data, params=None) if self._direct_takes_params else self._direct(payload.data)
        if self._takes_params:
            return self._model.predict(payload.data, params=payload.params)
        return self._model.predict(payload.data)

    def _infer(self, request: ScoreRequest) -> Answer:
        try:
            asked = self.open_inference.parse(request.body)
        except BadPayload as error:
            return _refuse_open(400, str(error))
        except Exception as error:  # noqa: BLE001 (the edge, as above)
            return _refuse_open(400, f"The request cannot be read: {_describe(error)}")
        started = time.perf_counter()
        try:
            raw = self._predict(Payload(asked.data, asked.params, Shape.BARE))
        except RunInterrupted:
            raise
        except MlflowException as error:
            return _refuse_open(error.get_http_status_code(), error.message)
        except BaseException as error:  # noqa: BLE001 (the edge: a model may raise anything)
            logger.error("Encountered Exception: %s", format_user_traceback(error))
            return _refuse_open(500, f"The model raised {_describe(error)}")
        exec_ms = (time.perf_counter() - started) * 1e3
        try:
            return answer_result(self.open_inference.encode(raw, asked), exec_ms)
        except BadPayload as error:
            return _refuse_open(400, str(error))
        except (TypeError, ValueError) as error:
            return _refuse_open(500, f"The model's answer cannot be written as tensors: {error}")


# --- private


def _refuse(status: int, code: str, message: str, is_mlflow: bool, trace: "str | None" = None) -> Answer:
    document = {"error_code": code, "message": message}
    if is_mlflow and trace:
        document["stack_trace"] = trace
    fault = Fault("BadInput" if status < 500 else "ModelError", "bad-input" if status < 500 else "model", message)
    header = _RUN_FINE if status < 500 else _RUN_FAILED
    return Answer(status, json.dumps(document).encode(), headers=(header,), fault=fault, keeps_status=is_mlflow)


def _refuse_as_mlflow(error: Any, message: str, is_mlflow: bool) -> Answer:
    return _refuse(error.get_http_status_code(), error.error_code, message, is_mlflow)


def _fail(error: BaseException, is_mlflow: bool) -> Answer:
    trace = format_user_traceback(error)
    logger.error("Encountered Exception: %sModelException: The model raised %s.", trace, _describe(error))
    if is_mlflow:
        message = (
            "Encountered an unexpected error while evaluating the model. Verify that the serialized input Dataframe is"
            f" compatible with the model for inference. The model raised {_describe(error)}"
        )
        return _refuse(400, "BAD_REQUEST", message, is_mlflow, traceback.format_exc())
    message = f"The model raised {_describe(error).rstrip('.')}. Check the logs for more info."
    fault = Fault("ModelException", "model-raised", message)
    return Answer(500, json.dumps({"message": message}).encode(), headers=(_RUN_FAILED,), fault=fault)


def _refuse_open(status: int, message: str) -> Answer:
    """The error object of the Open Inference Protocol."""
    header = _RUN_FINE if status < 500 else _RUN_FAILED
    fault = Fault("BadInput" if status < 500 else "ModelError", "bad-input", message)
    body = json.dumps({"error": message}).encode()
    return Answer(status, body, headers=(header,), fault=fault, keeps_status=status < 500)


def _describe(error: BaseException) -> str:
    text = str(error)
    text = text if len(text) <= 500 else f"{text[:500]}…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
