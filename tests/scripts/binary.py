import hashlib

from azureml.contrib.services.aml_request import rawhttp
from azureml.contrib.services.aml_response import AMLResponse


def init():
    pass


@rawhttp
def run(request):
    data = request.get_data(cache=False)
    if request.args.get("what") == "digest":
        return {"length": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return AMLResponse(data, 200, {"Content-Type": "application/octet-stream"})
