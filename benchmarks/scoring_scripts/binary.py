"""Bytes in, their number out."""

from typing import Any

from azureml.contrib.services.aml_request import rawhttp


def init() -> None:
    pass


@rawhttp
def run(request: Any) -> dict[str, int]:
    return {"length": len(request.get_data(cache=False))}
