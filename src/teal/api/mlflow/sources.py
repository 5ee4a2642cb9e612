"""Where the files of a version are that a client registers: an upload, another version, or what a run has logged.

Called by model_versions.py. Runs and logged models are asked of MLflow's own server (`spec/mlflow.md` §3.4, §7).
"""

import json
from typing import Any

from teal.api.calls import WorkspaceCall
from teal.api.mlflow.tracker import Tracker, TrackingRequest
from teal.control import model_versions as control
from teal.control.model_versions import path_of
from teal.domain.artifacts import RUNS, parse_model_source
from teal.domain.assets import AssetVersion
from teal.domain.errors import InvalidInput, NotFound


async def find_source(call: WorkspaceCall, source: str, run_id: str | None) -> tuple[str, str | None]:
    """The blob path that a source means, and the run that logged it where only this server knows it."""
    scheme, _, rest = source.partition(":/")
    if scheme == "models":
        return await _find_model(call, source, rest.strip("/"))
    if scheme == "runs":
        run_id, _, path = rest.strip("/").partition("/")
        run = await _load_run(call, source, run_id)
        return await _find_in_run(call, run, source, path), run_id
    path = parse_model_source(source)
    if run_id and path.startswith(RUNS) and not await call.read(lambda tx: control.has_model_file(tx, path)):
        # MLflow 3 keeps a model beside the run that logged it; its documents name the place where MLflow 2 had it.
        _, is_of_run, rest = path.partition(f"/{run_id}/artifacts/")
        if is_of_run and call.services.tracking is not None:
            return await _find_in_run(call, await _load_run(call, source, run_id), source, rest), run_id
    return path, None


# --- private


async def _find_model(call: WorkspaceCall, source: str, text: str) -> tuple[str, str | None]:
    name, _, version = text.partition("/")
    name, _, alias = name.partition("@")
    if not version and not alias and name.startswith("m-") and call.services.tracking is not None:
        said = (await _ask(call, call.services.tracking, "GET", f"logged-models/{name}", source))["model"]["info"]
        return parse_model_source(said["artifact_uri"]), said.get("source_run_id") or None
    if not version and not alias:
        raise InvalidInput(
            f"The source '{source}' does not name a version.",
            target="source",
            hint="Write models:/<name>/<version> or models:/<name>@<alias>.",
        )
    find = control.get_by_alias if alias else control.get_version
    found: AssetVersion = await call.read(lambda tx: find(tx, call.id, name, alias or version))
    return path_of(found), None


async def _load_run(call: WorkspaceCall, source: str, run_id: str) -> dict[str, Any]:
    if call.services.tracking is None:
        raise InvalidInput(
            f"The source '{source}' names a run, and this server keeps none.",
            target="source",
            hint="Install it as teal-endpoints[mlflow], or give a folder as file://<folder>.",
        )
    run: dict[str, Any] = (await _ask(call, call.services.tracking, "GET", f"runs/get?run_id={run_id}", source))["run"]
    return run


async def _find_in_run(call: WorkspaceCall, run: dict[str, Any], source: str, path: str) -> str:
    """The folder in the run's artifacts, else the logged model of that name: of several, the one of the last step."""
    folder = f"{parse_model_source(run['info']['artifact_uri'])}/{path}".rstrip("/")
    if await call.read(lambda tx: control.has_model_file(tx, folder)):
        return folder
    steps = {each["model_id"]: each.get("step", 0) for each in run.get("outputs", {}).get("model_outputs", [])}
    wanted = {
        "experiment_ids": [run["info"]["experiment_id"]],
        "filter": f"source_run_id = '{run['info']['run_id']}'",
    }
    tracker = call.services.tracking
    assert tracker is not None  # the run came from there
    answer = await _ask(call, tracker, "POST", "logged-models/search", source, wanted)
    found = [each["info"] for each in answer.get("models", []) if each["info"].get("name") == path]
    if not found:
        raise InvalidInput(
            f"The run '{run['info']['run_id']}' has logged no model '{path}'.",
            target="source",
            hint="Name what mlflow.<flavor>.log_model was given as its name.",
        )
    return parse_model_source(max(found, key=lambda said: steps.get(said["model_id"], 0))["artifact_uri"])


async def _ask(
    call: WorkspaceCall, tracker: Tracker, method: str, path: str, source: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    path, _, query = path.partition("?")
    request = TrackingRequest(
        method=method,
        path=f"/api/2.0/mlflow/{path}",
        query=query,
        headers={"content-type": "application/json"},
        body=json.dumps(body).encode() if body is not None else b"",
    )
    answer = await tracker.send(call.id, request)
    if answer.status != 200:
        raise NotFound(f"What the source '{source}' names does not exist.", target="source")
    said: dict[str, Any] = json.loads(answer.body)
    return said
