"""Instances: what is asked of a compute backend and what it sees. Written by reconcile, read by every backend."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from teal.domain.failures import Failure
from teal.domain.instance_types import InstanceSize


@dataclass(frozen=True, slots=True)
class FileMount:
    """One file of an asset: `path` is relative with "/" separators, `source` an absolute path on the server's disk."""

    path: str
    source: str


@dataclass(frozen=True, slots=True)
class AssetMount:
    """The files of one version of a model or of code. A model given as a folder has that folder's name in every
    `path`."""

    name: str
    version: str
    files: tuple[FileMount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentDefinition:
    """What an environment is made from (`spec/azureml.md` §1.10). `conda_file` is YAML text; `label` is how people
    call it.

    `model_files` are the text files of an MLflow model's folder by name; then nothing else is given, and the model's
    own environment is meant.
    """

    label: str
    image: str | None = None
    conda_file: str | None = None
    has_dockerfile: bool = False
    model_files: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceSpec:
    """One instance, wanted. The same `instance_id` always has the same spec.

    `mlflow_model` is the folder with the MLmodel, relative to where the model's files are, of a model that is served
    without a script; None: there is a script. `start_limit_s`: how long import and `init()` may take together.
    """

    instance_id: str
    endpoint: str
    deployment: str
    revision: str
    model: AssetMount | None
    code: AssetMount | None
    scoring_script: str | None
    environment: EnvironmentDefinition
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    size: InstanceSize | None = None
    max_concurrent_requests: int = 1
    request_timeout_ms: int = 5000
    mlflow_model: str | None = None
    start_limit_s: float | None = None
    skip_script_validation: bool = False


class InstancePhase(StrEnum):
    """How far a backend has come with an instance; readiness is not the backend's to say (design D4: Teal probes)."""

    PREPARING = "preparing"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """When a step of an instance's start began, epoch seconds; `name` is what people read ("building environment")."""

    name: str
    started_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceObserved:
    """One instance, seen. `address` and `port` are set from STARTING on; `failure` says why an EXITED one ended.

    `attempt` counts starts from 1. `permanent` failures (script, environment) do not get better by starting again.
    """

    instance_id: str
    phase: InstancePhase
    attempt: int
    detail: str = ""
    address: str | None = None
    port: int | None = None
    pid: int | None = None
    failure: Failure | None = None
    permanent: bool = False
    notes: tuple[str, ...] = ()
    phases: tuple[PhaseTime, ...] = ()
