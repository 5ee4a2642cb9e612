"""Shows what a raw request holds."""

import json

from azureml_inference_server_http.api.aml_request import AMLRequest, rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse


def init():
    pass


@rawhttp
def run(request: AMLRequest):
    what = request.args.get("what", "all")
    if what == "bytes":
        return AMLResponse(bytes(reversed(request.get_data())), 200, {"Content-Type": "application/octet-stream"})
    if what == "data":
        return {"data": request.data.decode(), "again": request.get_data(as_text=True)}
    if what == "json":
        return {"json": request.json, "get": request.get_json(silent=True), "is": request.is_json}
    if what == "silent":
        return {"json": request.get_json(force=True, silent=True)}
    if what == "form":
        return {
            "form": request.form.to_dict(flat=False),
            "files": {
                name: [file.filename, file.content_type, file.read().decode()] for name, file in request.files.items()
            },
            "values": request.values.get("a"),
        }
    if what == "stream":
        return {"first": request.stream.read(3).decode(), "rest": request.stream.read().decode()}
    if what == "cookies":
        answer = AMLResponse(json.dumps(dict(request.cookies)), 200)
        answer.set_cookie("seen", "yes")
        return answer
    if what == "length":
        return {"length": request.content_length, "type": request.content_type, "mimetype": request.mimetype}
    if what == "json_error":
        try:
            return request.json
        except Exception as error:
            return {"error": str(error)}
    if what == "environ":
        return sorted(name for name in request.environ if name.isupper() and name != "SERVER_SOFTWARE")
    if what == "accept":
        return {"best": request.accept_mimetypes.best, "agent": request.user_agent.string}
    return {
        "method": request.method,
        "path": request.path,
        "full_path": request.full_path,
        "url": request.url.partition("://")[2].partition("/")[2],
        "base_url": request.base_url.rpartition("/")[2],
        "query_string": request.query_string.decode(),
        "args": request.args.to_dict(flat=False),
        "typed": request.args.get("n", type=int, default=-1),
        "scheme": request.scheme,
        "remote_addr": request.remote_addr,
        "is_secure": request.is_secure,
        "custom": request.headers.get("X-Custom"),
        "custom_too": request.headers.get("x-custom"),
        "names": sorted(name for name, _ in request.headers if name.startswith("X-")),
    }
