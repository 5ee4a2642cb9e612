"""The whole of Teal, for the benchmark: a server of its own, one endpoint, two weighted deployments, a mirror."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from examples.demo.scratch import processes_in
from teal import MLClient
from teal.entities import (
    CodeConfiguration,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    OnlineEndpoint,
    OnlineRequestSettings,
)

ENDPOINT = "bench"
CODE = Path(__file__).parent / "score"
# On purpose: the default of 1 refuses a third request in flight. With 512 an endpoint has 1,024 requests in hand before
# it refuses, as the Envoys have that it is compared with: otherwise it refuses what they keep waiting.
IN_FLIGHT = 512


@contextmanager
def running_teal(folder: Path) -> Iterator[MLClient]:
    """A server of its own, with its data in `folder`; stopped at the end, whatever happened."""
    os.environ |= {"TEAL_DATA_DIR": str(folder), "TEAL_CONFIG_DIR": str(folder / "config")}
    teal = str(Path(sys.executable).parent / "teal")
    try:
        subprocess.run([teal, "up", "--detach", "--port", "0", "--gateway-port", "0"], check=True, stdout=sys.stderr)
        with MLClient() as client:
            yield client
    finally:
        subprocess.run([teal, "down"], check=False, stdout=sys.stderr)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="teal-bench-")).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def deploy_endpoint(client: MLClient) -> OnlineEndpoint:
    """Blue 90 %, green 10 %, and a tenth of the requests copied to a third deployment."""
    client.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=ENDPOINT)).result()
    for name in ("blue", "green", "shadow"):
        client.online_deployments.begin_create_or_update(build_deployment(name)).result()
    endpoint = ManagedOnlineEndpoint(name=ENDPOINT, traffic={"blue": 90, "green": 10}, mirror_traffic={"shadow": 10})
    return client.online_endpoints.begin_create_or_update(endpoint).result()


def build_deployment(name: str) -> ManagedOnlineDeployment:
    return ManagedOnlineDeployment(
        name=name,
        endpoint_name=ENDPOINT,
        code_configuration=CodeConfiguration(code=str(CODE), scoring_script="score.py"),
        environment=Environment(
            image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04",
            conda_file={"name": "bench", "dependencies": [f"python={sys.version_info.major}.{sys.version_info.minor}"]},
        ),
        instance_type="Standard_DS3_v2",
        instance_count=1,
        request_settings=OnlineRequestSettings(max_concurrent_requests_per_instance=IN_FLIGHT),
    )


def group_processes(folder: Path) -> dict[str, list[psutil.Process]]:
    """Who spends the time: the gateway, the instances, or the control plane."""
    groups: dict[str, list[psutil.Process]] = {"gateway": [], "instances": [], "control plane": []}
    for process in processes_in(folder):
        words = process.cmdline()
        if Path(words[0]).name == "envoy":
            groups["gateway"].append(process)
        elif "teal_scoring" in words:
            groups["instances"].append(process)
        else:
            groups["control plane"].append(process)
    return groups


def find_port(instances: list[psutil.Process], deployment: str) -> int:
    """Where a deployment's only instance listens."""
    words = next(one.cmdline() for one in instances if one.environ().get("TEAL_DEPLOYMENT") == deployment)
    return int(words[words.index("--port") + 1])
