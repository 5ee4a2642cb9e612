"""The article "Progressive rollout of MLflow models to Online Endpoints", cell by cell, with the stock clients.

Mended where the published notebook does not run anywhere: the missing comma, and the key under its own name
(`spec/mlflow.md` §6). Called by a test and by the benchmark; needs the folders `model` and `data` where it runs.
"""

import json
import random
import string
from typing import Any


def run_article(workspace: str, model_name: str) -> None:
    """Everything from connecting to clean-up, in a workspace where the model has no versions yet."""
    # Connect to the workspace
    import mlflow
    import numpy as np
    import pandas as pd
    import requests  # type: ignore[import-untyped]
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential
    from mlflow import MlflowClient
    from mlflow.deployments import get_deploy_client

    ml_client = MLClient(DefaultAzureCredential(), "my-sub", "my-group", workspace)
    azureml_tracking_uri = ml_client.workspaces.get(ml_client.workspace_name).mlflow_tracking_uri
    mlflow.set_tracking_uri(azureml_tracking_uri)
    mlflow_client = MlflowClient()
    deployment_client = get_deploy_client(mlflow.get_tracking_uri())

    # Registering the model
    model_local_path = "model"
    if not any(mlflow_client.search_model_versions(f"name = '{model_name}'")):
        mlflow_client.create_registered_model(model_name)
        registered_model = mlflow_client.create_model_version(name=model_name, source=f"file://{model_local_path}")
        version = registered_model.version
    assert version == "1"

    # Create an online endpoint
    allowed_chars = string.ascii_lowercase + string.digits
    endpoint_suffix = "".join(random.choice(allowed_chars) for x in range(5))
    endpoint_name = "heart-classifier-" + endpoint_suffix
    endpoint_config = {"auth_mode": "key", "identity": {"type": "system_assigned"}}
    endpoint_config_path = write("endpoint_config.json", endpoint_config)
    endpoint = deployment_client.create_endpoint(
        name=endpoint_name, config={"endpoint-config-file": endpoint_config_path}
    )
    scoring_uri = deployment_client.get_endpoint(endpoint=endpoint_name)["properties"]["scoringUri"]
    assert endpoint["name"] == endpoint_name
    endpoint_secret_key = ml_client.online_endpoints.get_keys(name=endpoint_name).primary_key

    # A blue deployment
    blue_deployment_name = "default"
    deployment_config_path = write("deployment_config.json", {"instance_type": "Standard_DS2_v2", "instance_count": 1})
    blue_deployment = deployment_client.create_deployment(
        name=blue_deployment_name,
        endpoint=endpoint_name,
        model_uri=f"models:/{model_name}/{version}",
        config={"deploy-config-file": deployment_config_path},
    )
    assert blue_deployment["properties"]["provisioningState"] == "Succeeded"
    set_traffic(deployment_client, endpoint_name, {blue_deployment_name: 100})

    samples = pd.read_csv("data/heart.csv").sample(n=5, random_state=1).drop(columns=["target"]).reset_index(drop=True)
    answer = deployment_client.predict(endpoint=endpoint_name, df=samples)
    assert isinstance(answer, np.ndarray), "as the model's signature says"
    assert set(answer.tolist()) == {0, 1}

    # The same by REST
    sample_request = {"input_data": json.loads(samples.to_json(orient="split", index=False))}
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + str(endpoint_secret_key)}
    req = requests.post(scoring_uri, json=sample_request, headers={**headers, "azureml-model-deployment": "default"})
    assert req.json() == answer.tolist()

    # A green deployment
    registered_model = mlflow_client.create_model_version(name=model_name, source=f"file://{model_local_path}")
    version = registered_model.version
    assert version == "2"
    green_deployment_name = f"xgboost-model-{version}"
    new_deployment = deployment_client.create_deployment(
        name=green_deployment_name,
        endpoint=endpoint_name,
        model_uri=f"models:/{model_name}/{version}",
        config={"deploy-config-file": deployment_config_path},
    )
    assert new_deployment["properties"]["model"].endswith(f"/models/{model_name}/versions/2")
    by_name = deployment_client.predict(endpoint=endpoint_name, deployment_name=green_deployment_name, df=samples)
    assert by_name.tolist() == answer.tolist()

    # Progressively update the traffic
    set_traffic(deployment_client, endpoint_name, {blue_deployment_name: 90, green_deployment_name: 10})
    assert ml_client.online_endpoints.get(endpoint_name).traffic == {
        blue_deployment_name: 90,
        green_deployment_name: 10,
    }
    set_traffic(deployment_client, endpoint_name, {blue_deployment_name: 0, green_deployment_name: 100})
    assert deployment_client.predict(endpoint=endpoint_name, df=samples).tolist() == answer.tolist()
    deployment_client.delete_deployment(blue_deployment_name, endpoint=endpoint_name)
    assert [each["name"] for each in deployment_client.list_deployments(endpoint_name)] == [green_deployment_name]

    # Clean-up
    deployment_client.delete_endpoint(endpoint_name)
    assert endpoint_name not in [each["name"] for each in deployment_client.list_endpoints()]


# --- private


def write(path: str, content: Any) -> str:
    with open(path, "w") as outfile:
        outfile.write(json.dumps(content))
    return path


def set_traffic(deployment_client: Any, endpoint_name: str, traffic: dict[str, int]) -> None:
    traffic_config_path = write("traffic_config.json", {"traffic": traffic})
    deployment_client.update_endpoint(endpoint=endpoint_name, config={"endpoint-config-file": traffic_config_path})
