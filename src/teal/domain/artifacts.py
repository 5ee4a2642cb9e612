"""Where a model's files are, in the words of each client: one blob path, two kinds of address (`spec/mlflow.md` §3.6).

ARM's answers name the datastore (`azureml://subscriptions/.../datastores/workspaceblobstore/paths/<path>`), MLflow's
the artifact service (`azureml://artifacts/<origin>/<container>/<path>`), because its stock client takes no other form.
Called by control/registry.py and api/mlflow.
"""

import re
from dataclasses import dataclass

from teal.domain.blobs import DATASTORE
from teal.domain.errors import InvalidInput, TealError
from teal.domain.resource_ids import WorkspaceId, parse_datastore_path

ARTIFACTS = "azureml://artifacts"
"""Where addresses of the artifact service start, as they are kept."""

UPLOADS = "LocalUpload"
"""The origin of what clients upload to register it; a run's artifacts have another one."""

RUNS = "ExperimentRun"
"""What the origins of runs' artifacts start with."""

WHOLE_STORE = "Datastore"
"""The origin of what lies too high in the store to have an origin and a container of its own."""


@dataclass(frozen=True, slots=True)
class ArtifactPlace:
    """One container of the artifact service: what uploads and lists are about."""

    origin: str
    container: str

    @property
    def prefix(self) -> str:
        """What the blob paths of its files start with."""
        return "" if self.origin == WHOLE_STORE else f"{self.origin}/{self.container}/"


def format_datastore_uri(workspace: WorkspaceId, path: str) -> str:
    return (
        f"azureml://subscriptions/{workspace.subscription}/resourcegroups/{workspace.resource_group}"
        f"/workspaces/{workspace.name}/datastores/{DATASTORE}/paths/{path}"
    )


def format_artifact_path(path: str) -> str:
    """`origin/container/path` of a blob path: clients take nothing with fewer than three parts."""
    if path.count("/") >= 2:
        return path
    return f"{WHOLE_STORE}/{DATASTORE}/{path}"


def parse_artifact_path(text: str) -> str:
    """The blob path of `origin/container/path`."""
    parts = text.strip("/").split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise InvalidInput(f"'{text}' is not a path below an artifact container.", target="path")
    return "/".join(parts[2:]) if parts[0] == WHOLE_STORE else "/".join(parts)


def parse_model_source(source: str) -> str:
    """The blob path that the source of a model version means. Only what this server holds can be registered."""
    if match := _ARTIFACTS.fullmatch(source):
        return parse_artifact_path(match["path"])
    if source.startswith("azureml://") and (path := _find_datastore_path(source)):
        return path
    raise InvalidInput(
        f"The source '{source}' is not in the store of this server.",
        target="source",
        hint="Give a folder as file://<folder>, which is uploaded, or the address of artifacts that are here already.",
    )


# --- private

_ARTIFACTS = re.compile(r"(?:azureml://(?:[^/]*/)??|teal://[^/]+/(?:[^?#]*?/)?)artifacts/(?P<path>[^?#]+)")


def _find_datastore_path(source: str) -> str | None:
    try:
        path = parse_datastore_path(source)
    except TealError:
        return None
    return None if ".." in path.split("/") else path
