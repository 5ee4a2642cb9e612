"""The scoring script named by SCORE_SCRIPT, in MLServer: by its inference protocol, and on a route of its own."""

import importlib
import json
import os

from fastapi import Request, Response
from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.handlers import custom_handler
from mlserver.types import InferenceRequest, InferenceResponse

script = importlib.import_module(os.environ["SCORE_SCRIPT"])


class Script(MLModel):
    async def load(self) -> bool:
        script.init()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        (document,) = StringCodec.decode_input(payload.inputs[0])
        outputs = [StringCodec.encode_output("result", [json.dumps(script.run(document))])]
        return InferenceResponse(model_name=self.name, outputs=outputs)

    @custom_handler(rest_path="/score")
    async def score(self, request: Request) -> Response:
        result = script.run((await request.body()).decode())
        return Response(json.dumps(result), media_type="application/json")
