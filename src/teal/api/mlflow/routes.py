"""Every route for MLflow's clients (`spec/mlflow.md` §9). Mounted by api/app.py."""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from starlette.responses import Response

from teal.api.mlflow import artifacts, model_versions, registered_models, services, tracking
from teal.api.mlflow.addresses import API, ARTIFACT_ROOT, IN_WORKSPACE, MLFLOW_ROOT, RUN_ROOT, SERVICES, VERSIONS

Handler = Callable[..., Coroutine[Any, Any, Response]]

REGISTRY: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "registered-models/create", registered_models.create),
    ("GET", "registered-models/get", registered_models.get),
    ("GET", "registered-models/search", registered_models.search),
    ("PATCH", "registered-models/update", registered_models.update),
    ("POST", "registered-models/rename", registered_models.rename),
    ("DELETE", "registered-models/delete", registered_models.delete),
    ("GET", "registered-models/get-latest-versions", registered_models.get_latest_versions),
    ("POST", "registered-models/get-latest-versions", registered_models.get_latest_versions),
    ("POST", "registered-models/set-tag", registered_models.set_tag),
    ("DELETE", "registered-models/delete-tag", registered_models.delete_tag),
    ("POST", "registered-models/alias", registered_models.set_alias),
    ("GET", "registered-models/alias", registered_models.get_by_alias),
    ("DELETE", "registered-models/alias", registered_models.delete_alias),
    ("POST", "model-versions/create", model_versions.create),
    ("GET", "model-versions/get", model_versions.get),
    ("GET", "model-versions/search", model_versions.search),
    ("GET", "model-versions/get-download-uri", model_versions.get_download_uri),
    ("PATCH", "model-versions/update", model_versions.update),
    ("DELETE", "model-versions/delete", model_versions.delete),
    ("POST", "model-versions/set-tag", model_versions.set_tag),
    ("DELETE", "model-versions/delete-tag", model_versions.delete_tag),
    ("POST", "model-versions/transition-stage", model_versions.transition_stage),
)

PLACE = f"{IN_WORKSPACE}/artifacts/{{origin}}/{{container}}"
ARTIFACTS: tuple[tuple[str, str, Handler], ...] = (
    ("POST", f"{PLACE}/batch/metadata", artifacts.start_uploads),
    ("GET", f"{PLACE}/contentinfo", artifacts.get_address),
    ("GET", PLACE, artifacts.list_artifacts),
)
RUN = f"{RUN_ROOT}{IN_WORKSPACE}/experiments/{{experiment}}/runs/{{run}}/artifacts"
RUN_ARTIFACTS: tuple[tuple[str, str, Handler], ...] = (
    ("POST", f"{RUN}/batch/metadata", artifacts.start_uploads_of_run),
    ("GET", f"{RUN}/contentinfo", artifacts.get_address_of_run),
    ("GET", RUN, artifacts.list_artifacts_of_run),
)


def list_routes() -> Iterator[tuple[str, str, Handler]]:
    for version in VERSIONS:
        for method, path, handler in REGISTRY:
            yield method, f"{MLFLOW_ROOT}/{version}{IN_WORKSPACE}{API}/{path}", handler
        for method in ("GET", "POST", "PATCH", "DELETE", "PUT"):
            yield method, f"{MLFLOW_ROOT}/{version}{IN_WORKSPACE}/api/{{rest:path}}", tracking.pass_on
        for method, path, handler in ARTIFACTS:
            yield method, f"{ARTIFACT_ROOT}/{version}{path}", handler
    yield from RUN_ARTIFACTS
    yield "GET", SERVICES, services.list_services
    yield "GET", f"{SERVICES}/{{service}}", services.get_service
