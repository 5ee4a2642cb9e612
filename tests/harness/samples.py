"""Small deployments of the shape the published examples have, so that their commands run: two models that multiply."""

from pathlib import Path

SCORE = """\
import json
import logging
import os


def init():
    global factor
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "weights.json")) as stream:
        factor = json.load(stream)["factor"]


def run(raw_data):
    logging.info("Request received")
    return [factor * sum(row) for row in json.loads(raw_data)["data"]]
"""

DEPLOYMENT = """\
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: {name}
endpoint_name: my-endpoint
model:
  path: ../../model-{number}/model/
code_configuration:
  code: ../../model-{number}/onlinescoring/
  scoring_script: score.py
environment:
  conda_file: ../../model-{number}/environment/conda.yaml
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest
instance_type: Standard_DS3_v2
instance_count: 1
"""


def write_samples(folder: Path) -> Path:
    """`endpoints/online/…` below `folder`; model 1 answers the sum of each row, model 2 twice that."""
    online = folder / "endpoints" / "online"
    for number, name in ((1, "blue"), (2, "green")):
        model = online / f"model-{number}"
        _write(model / "model" / "weights.json", f'{{"factor": {number}}}\n')
        _write(model / "onlinescoring" / "score.py", SCORE)
        _write(model / "environment" / "conda.yaml", "name: model-env\ndependencies:\n- python=3.11\n- pip\n")
        _write(model / "sample-request.json", '{"data": [[1, 2, 3], [4, 5, 6]]}\n')
        sample = online / "managed" / "sample"
        _write(sample / f"{name}-deployment.yml", DEPLOYMENT.format(name=name, number=number))
    _write(online / "managed" / "sample" / "endpoint.yml", "name: my-endpoint\nauth_mode: key\n")
    return online


# --- private


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
