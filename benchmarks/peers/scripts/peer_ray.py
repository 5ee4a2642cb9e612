"""The sum of rows on Ray Serve, one replica, until it is killed: `peer_ray.py PORT`."""

import signal
import sys

import ray
from ray import serve


@serve.deployment(max_ongoing_requests=64, num_replicas=1)
class Script:
    async def __call__(self, request):
        document = await request.json()
        return {"sums": [sum(row) for row in document["data"]]}


if __name__ == "__main__":
    ray.init(include_dashboard=False, logging_level="warning", log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Script.bind(), route_prefix="/score")
    signal.pause()
