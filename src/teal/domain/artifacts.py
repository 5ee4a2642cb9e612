"""Where a model's files are, in the words of each client: one blob path, two kinds of address (`spec/mlflow.md` §3.6).

ARM's answers name the datastore (`azureml://subscriptions/.../datastores/workspaceblobstore/paths/<path>`), MLflow's
the artifact service (`azureml://artifacts/<origin>/<container>/<path>`), because its stock client takes no other form.
Called by control/registry.py and api/mlflow.
"""

import hashlib
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
        return "" if self.origin == WHOLE_STORE else f"{_unfold(f'{self.origin}/{self.container}')}/"


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
    return "/".join(parts[2:]) if parts[0] == WHOLE_STORE else _unfold("/".join(parts))


def runs_origin(workspace: WorkspaceId) -> str:
    """The origin of what the runs of a workspace log; its containers are experiments."""
    return f"{RUNS}.{hashlib.sha256(workspace.key.encode()).hexdigest()[:8]}"


def run_place(workspace: WorkspaceId, experiment: str, run: str) -> ArtifactPlace:
    """What one run logs, as a container of its own."""
    return ArtifactPlace(runs_origin(workspace), f"{experiment}/{run}/artifacts")


def fold_run_addresses(text: bytes) -> bytes:
    """Addresses as Azure's plug-in has them: it lists whole containers, whatever it looks for, so that every run and
    every logged model is shown as one (`spec/mlflow.md` §4.1, §4.2)."""
    text = _RUN.sub(rb"azureml://experiments/\2/runs/\3/artifacts", text)
    return _MODEL.sub(rb"\1/dcid.\2.\3/artifacts", text)


def unfold_run_addresses(workspace: WorkspaceId, text: bytes) -> bytes:
    """The opposite: addresses as they are kept."""
    root = f"{ARTIFACTS}/{runs_origin(workspace)}".encode()
    text = _SHOWN_RUN.sub(rb"%s/\1/\2/artifacts" % root, text)
    return _SHOWN_MODEL.sub(rb"\1/\2/models/\3/", text)


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

_ROOT, _PART, _END = rf"({ARTIFACTS}/{RUNS}[^/\"\s]*)".encode(), rb"([^/.\"\s]+)", rb"(?![^/\"\s])"
_RUN = re.compile(_ROOT + rb"/" + _PART + rb"/" + _PART + rb"/artifacts" + _END)
_MODEL = re.compile(_ROOT + rb"/" + _PART + rb"/models/" + _PART + rb"/artifacts" + _END)
_SHOWN_RUN = re.compile(rb"azureml://experiments/" + _PART + rb"/runs/" + _PART + rb"/artifacts" + _END)
_SHOWN_MODEL = re.compile(_ROOT + rb"/dcid\." + _PART + rb"\." + _PART + rb"/")
_MODEL_CONTAINER = re.compile(rf"({RUNS}[^/]*)/dcid\.([^/.]+)\.([^/.]+)(?=/|$)")


def _unfold(path: str) -> str:
    return _MODEL_CONTAINER.sub(r"\1/\2/models/\3", path, count=1) if path.startswith(RUNS) else path


_ARTIFACTS = re.compile(r"(?:azureml://(?:[^/]*/)??|teal://[^/]+/(?:[^?#]*?/)?)artifacts/(?P<path>[^?#]+)")


def _find_datastore_path(source: str) -> str | None:
    try:
        path = parse_datastore_path(source)
    except TealError:
        return None
    return None if ".." in path.split("/") else path
