from azureml_inference_server_http.api.aml_request import rawhttp


def init():
    pass


@rawhttp
def run(request, color="red"):
    return color
