"""The MLmodel file: text -> the flavours a model has (mlflow.org, "MLflow Model format"). Called where models are
registered, by whichever client."""

import asyncio
from typing import Any

import yaml

from teal.api.calls import WorkspaceCall
from teal.compute.foreign_yaml import load_foreign_yaml
from teal.domain.blobs import Blob
from teal.domain.errors import InvalidInput
from teal.domain.mlflow_models import find_path_outside

MAX_BYTES = 16 * 1024 * 1024
CODE = "MlflowModelInvalid"


async def read_flavors(call: WorkspaceCall, blob: Blob) -> dict[str, Any]:
    """Those of an uploaded MLmodel."""
    if blob.size > MAX_BYTES:
        raise InvalidInput(f"The file MLmodel has {blob.size} bytes: that is not one.", code=CODE, target="MLmodel")
    content = b"".join([chunk async for chunk in call.services.blobs.read(blob.object_id)])
    return await asyncio.to_thread(parse_flavors, content)


def parse_flavors(content: bytes) -> dict[str, Any]:
    """Flavour -> what it says of itself; text that other clients can be given. Refused where nothing could serve it."""
    try:
        body = load_foreign_yaml(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())
        raise InvalidInput(f"The file MLmodel cannot be read: {why}.", code=CODE, target="MLmodel") from None
    flavors = body.get("flavors") if isinstance(body, dict) else None
    if not isinstance(flavors, dict) or not flavors:
        raise InvalidInput(
            "The file MLmodel names no flavors.",
            code=CODE,
            target="MLmodel",
            hint="Save the model again with mlflow.<flavor>.",
        )
    if outside := find_path_outside(body):
        raise InvalidInput(f"The file MLmodel names a path outside its folder: {outside}.", code=CODE, target="MLmodel")
    return {
        str(flavor): {str(key): str(value) for key, value in said.items() if isinstance(value, str | int | float)}
        for flavor, said in flavors.items()
        if isinstance(said, dict)
    }
