"""JSON in, the same out: bodies of one size both ways."""

import json
from typing import Any


def init() -> None:
    pass


def run(raw_data: str) -> Any:
    return json.loads(raw_data)
