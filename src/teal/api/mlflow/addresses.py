"""The addresses that MLflow's clients call, below four roots of their own (`spec/mlflow.md` §2.2, §5.9)."""

from teal.domain.resource_ids import PROVIDER

IN_WORKSPACE = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{PROVIDER}/workspaces/{{workspace}}"
VERSIONS = ("v1.0", "v2.0")
"""Of the root: clients of MLflow 2 and 3 call v2.0 whatever their tracking URI says."""

MLFLOW_ROOT = "/mlflow"
ARTIFACT_ROOT = "/artifact"
RUN_ROOT = "/history/v1.0"
SERVICES = f"/modelmanagement/v1.0{IN_WORKSPACE}/services"
API = "/api/2.0/mlflow"
