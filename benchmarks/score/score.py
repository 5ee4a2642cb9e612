"""The cheapest honest scoring script: what is measured is the way to it and back."""

import json
from typing import Any


def init() -> None:
    pass


def run(raw_data: str) -> dict[str, Any]:
    return {"predictions": [sum(row) for row in json.loads(raw_data)["data"]]}
