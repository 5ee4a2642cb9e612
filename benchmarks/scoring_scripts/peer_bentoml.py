"""The scoring script named by SCORE_SCRIPT, in BentoML."""

import importlib
import json
import os
from typing import Any

import bentoml

script = importlib.import_module(os.environ["SCORE_SCRIPT"])


@bentoml.service(workers=1)
class Script:
    def __init__(self) -> None:
        script.init()

    @bentoml.api
    def score(self, data: list) -> Any:
        return script.run(json.dumps({"data": data}))
