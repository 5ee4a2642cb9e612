"""The scoring script named by SCORE_SCRIPT, in LitServe."""

import importlib
import json
import os
import sys

import litserve


class Script(litserve.LitAPI):
    def setup(self, device):
        self.script = importlib.import_module(os.environ["SCORE_SCRIPT"])
        self.script.init()

    def decode_request(self, request):
        return request

    def predict(self, document):
        return self.script.run(json.dumps(document))

    def encode_response(self, output):
        return output


if __name__ == "__main__":
    server = litserve.LitServer(Script(api_path="/score"), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, log_level="warning", generate_client_file=False
    )
