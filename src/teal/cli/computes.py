"""`teal compute …`: one function a command, over the SDK. Used by the command table."""

from itertools import islice
from typing import Any

from teal.sdk.client import MLClient
from teal.sdk.entities.dumping import dump


def show(client: MLClient, name: str) -> Any:
    return dump(client.compute.get(name))


def list_(client: MLClient, compute_type: str | None = None, max_results: int | None = None) -> Any:
    return [dump(each) for each in islice(client.compute.list(compute_type=compute_type), max_results)]
