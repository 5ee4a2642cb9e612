"""JSON in, sum of rows: the cheapest honest script. What is measured is the way to it and back."""

import json
from typing import Any


def init() -> None:
    pass


def run(raw_data: str) -> dict[str, Any]:
    return {"sums": [sum(row) for row in json.loads(raw_data)["data"]]}
