"""Entities with every member set to something unusual, so that a lost one shows."""

from dataclasses import replace

from teal.domain.assets import AssetVersion
from teal.domain.blobs import Blob
from teal.domain.conditions import Condition, ConditionType
from teal.domain.deployments import DeploymentSpec, DeploymentStatus, OnlineDeployment, RequestSettings
from teal.domain.endpoints import AuthMode, EndpointSpec, EndpointStatus, OnlineEndpoint
from teal.domain.failures import Failure
from teal.domain.instance_records import InstanceRecord, InstanceState
from teal.domain.operations import Operation, OperationKind, OperationStatus
from teal.domain.phases import Phase
from teal.domain.probes import ProbeSettings
from teal.domain.resource_ids import AssetKind, WorkspaceId
from teal.domain.states import ProvisioningState

WORKSPACE = WorkspaceId("Sub-1", "Group 'Two'", "Wörk%space")

ENDPOINT_SPEC = EndpointSpec(
    location="west",
    description='said "hi"\n\u2028\0 🙂',
    tags={"": "", "ключ": "значение"},
    properties={"p": "q"},
    auth_mode=AuthMode.AAD_TOKEN,
    identity={"type": "SystemAssigned", "nested": [1, 1.5, True, None, {"deep": []}]},
    traffic={"blue": 90, "green": 10},
    mirror_traffic={"red": 5},
    public_network_access="Disabled",
    compute="cluster",
    extra={"unknown": {"kept": [10**30, 1e-7]}},
)
ENDPOINT = OnlineEndpoint(
    workspace=WORKSPACE, name="churn", spec=ENDPOINT_SPEC, generation=7, created_at=1700000000.123456, modified_at=0.1
)
FAILURE = Failure(
    code="UserScriptInitFailed",
    message="init() raised",
    hint="look",
    traceback="Traceback …",
    exit_code=3,
    signal="SIGKILL",
    log_tail="last\nlines",
)
CONDITIONS = (
    Condition(type=ConditionType.READY, status=False, reason="Crashing", message="m", since=1.25),
    Condition(type=ConditionType.ROUTED, status=True, reason="Acknowledged", message="", since=2.5),
)
ENDPOINT_STATUS = EndpointStatus(
    in_force=ENDPOINT_SPEC, outcome=ProvisioningState.FAILED, failure=FAILURE, conditions=CONDITIONS
)
DEPLOYMENT_SPEC = DeploymentSpec(
    description="d",
    tags={"a": "b"},
    model="azureml:m:1",
    code_id="azureml:c:1",
    scoring_script="score.py",
    environment="azureml:e@latest",
    environment_variables={"A": "1", "EMPTY": ""},
    instance_count=3,
    sku={"name": "Default", "capacity": 3},
    request_settings=RequestSettings(request_timeout_ms=1, max_concurrent_requests_per_instance=9, drain_limit_s=7200),
    liveness_probe=ProbeSettings(initial_delay_s=1.5, period_s=0.25),
    extra={"dataCollector": {"collections": {}}},
)
DEPLOYMENT = OnlineDeployment(
    endpoint="churn", name="blue", spec=DEPLOYMENT_SPEC, generation=2, created_at=1.0, modified_at=2.0
)
DEPLOYMENT_STATUS = DeploymentStatus(
    serving=DEPLOYMENT_SPEC,
    outcome=ProvisioningState.SUCCEEDED,
    failure=FAILURE,
    phase="building environment",
    conditions=CONDITIONS,
    phases=(Phase("starting", 1.0, 2.5), Phase("importing", 2.5)),
)
INSTANCE = InstanceRecord(
    instance_id="churn-blue-1",
    endpoint="churn",
    deployment="blue",
    revision="0123456789",
    state=InstanceState.DRAINING,
    since=3.5,
    attempt=4,
    retry_at=9.0,
    idle_since=8.0,
    in_flight=2,
    drain_limit_s=float("inf"),
    address="127.0.0.1",
    port=31000,
)
OPERATION = Operation(
    id="0f3c",
    seq=0,
    workspace=WORKSPACE,
    endpoint="churn",
    deployment=None,
    kind=OperationKind.UPDATE_ENDPOINT,
    status=OperationStatus.IN_PROGRESS,
    wanted=ENDPOINT_SPEC,
    failure=FAILURE,
    started_at=5.0,
    ended_at=6.0,
)
MODEL = AssetVersion(
    workspace=WORKSPACE,
    kind=AssetKind.MODEL,
    name="Risk_Model",
    version="1",
    body={"modelUri": "azureml://…", "flavors": {"python": [1, None]}, "properties": {}},
    created_at=1.0,
    modified_at=2.0,
)
BLOB = Blob(
    container="azureml",
    path="LocalUpload/abc/Model File.json",
    object_id="ab" * 32,
    size=12,
    etag='"0x8"',
    modified_at=4.0,
    content_md5="1B2M2Y8AsgTpgAmY7PhCfg==",
    content_type="text/plain",
    metadata={"upload_status": "completed"},
)


def named_endpoint(name: str) -> OnlineEndpoint:
    return replace(ENDPOINT, name=name)
