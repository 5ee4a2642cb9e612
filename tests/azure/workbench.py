"""What published notebooks have lying around: scripts, models and deployments made of them, and a way to send requests
that the client's own memory does not interfere with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
from azure.ai.ml import MLClient
from azure.ai.ml.constants._endpoint import EndpointInvokeFields
from azure.ai.ml.entities import CodeConfiguration, Environment, ManagedOnlineDeployment, ManagedOnlineEndpoint, Model

from tests.harness.teal import TealServer

IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest"
CONDA = "channels: [conda-forge]\ndependencies:\n- python=3.11\n- pip\n- pip:\n  - azureml-inference-server-http\n"
SCRIPT = """
import json, logging, os, pathlib

def init():
    global name, model
    name = "{name}"
    found = [path for path in sorted(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("*")) if path.is_file()]
    model = found[0].read_text() if found else ""

def run(data):
    logging.info("Request received")
    return {{"from": name, "model": model, "sum": sum(json.loads(data)["data"])}}
"""


@dataclass
class Workbench:
    client: MLClient
    server: TealServer
    folder: Path

    def write(self, path: str, content: str | bytes) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def make_endpoint(self, name: str, **more: Any) -> ManagedOnlineEndpoint:
        endpoint = ManagedOnlineEndpoint(name=name, auth_mode=more.pop("auth_mode", "key"), **more)
        return self.client.online_endpoints.begin_create_or_update(endpoint).result()

    def deployment(self, name: str, endpoint: str, script: str = SCRIPT, **more: Any) -> ManagedOnlineDeployment:
        """With everything inline: model, environment and code as local paths."""
        self.write(f"{name}/score.py", script.format(name=name) if script is SCRIPT else script)
        wanted: dict[str, Any] = {
            "model": Model(path=str(self.write("model/model.txt", "the model"))),
            "environment": Environment(conda_file=str(self.write("conda.yaml", CONDA)), image=IMAGE),
            "code_configuration": CodeConfiguration(code=str(self.folder / name), scoring_script="score.py"),
            "instance_type": "Standard_DS3_v2",
            "instance_count": 1,
            **more,
        }
        return ManagedOnlineDeployment(name=name, endpoint_name=endpoint, **wanted)

    def deploy(self, name: str, endpoint: str, **more: Any) -> ManagedOnlineDeployment:
        wanted = self.deployment(name, endpoint, **more)
        return self.client.online_deployments.begin_create_or_update(wanted).result()

    def set_traffic(self, endpoint: str, **traffic: int) -> None:
        found = self.client.online_endpoints.get(endpoint)
        found.traffic = traffic
        self.client.online_endpoints.begin_create_or_update(found).result()

    def delete(self, endpoint: str) -> None:
        self.client.online_endpoints.begin_delete(endpoint).result()

    def invoke(self, endpoint: str, deployment: str | None = None) -> str:
        """By the client, which remembers the deployment of an earlier call for ever (spec/wire.md §6.1)."""
        forget_deployment()
        request = self.write("request.json", '{"data": [1, 2, 3]}')
        answer: str = self.client.online_endpoints.invoke(
            endpoint_name=endpoint, deployment_name=deployment, request_file=str(request)
        )
        return answer

    def send(self, endpoint: str, token: str, **headers: str) -> httpx.Response:
        """By nobody's client."""
        url = str(self.client.online_endpoints.get(endpoint).scoring_uri)
        return httpx.post(
            url, json={"data": [1, 2, 3]}, headers={"Authorization": f"Bearer {token}", **headers}, timeout=30
        )

    def list_blobs(self, prefix: str) -> list[str]:
        with self.server.client() as client:
            query = {"restype": "container", "comp": "list", "prefix": prefix}
            listed = client.get("/azblob/azureml", params=query)
        return [str(name.text) for name in ElementTree.fromstring(listed.content).iter("Name")]

    def split(self, endpoint: str, count: int) -> dict[str, int]:
        """Who answered how many of so many requests."""
        key = str(self.client.online_endpoints.get_keys(endpoint).primary_key)
        url = str(self.client.online_endpoints.get(endpoint).scoring_uri)
        answered: dict[str, int] = {}
        with httpx.Client(headers={"Authorization": f"Bearer {key}"}) as sender:
            for _ in range(count):
                answer = sender.post(url, json={"data": [1]})
                assert answer.status_code == 200, answer.text
                name = answer.headers["azureml-model-deployment"]
                answered[name] = answered.get(name, 0) + 1
        return answered


def forget_deployment() -> None:
    EndpointInvokeFields.DEFAULT_HEADER.pop(EndpointInvokeFields.MODEL_DEPLOYMENT, None)
