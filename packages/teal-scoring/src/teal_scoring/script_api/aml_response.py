"""What scripts import as `azureml_inference_server_http.api.aml_response` (or `azureml.contrib.services.aml_response`)
where that package is not installed; see stand_ins.py."""

import json
from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response


class AMLResponse(Response):
    """An answer with status and headers of the script's choice. `message` is sent as it is (text, bytes, or an iterable
    of them), as JSON with `json_str`, and as `{}` when None."""

    default_mimetype = "text/html"  # Flask's

    def __init__(
        self,
        message: Any,
        status_code: int,
        response_headers: Mapping[str, str] = {},  # the original's signature; never written to
        json_str: bool = False,
        run_function_failed: bool = False,
    ) -> None:
        if message is None or json_str:
            text = json.dumps({} if message is None else message)
            super().__init__(text, status=status_code, mimetype="application/json")
        else:
            super().__init__(message, status=status_code)
            if "Content-Type" in response_headers:
                self.headers.remove("Content-Type")
        self.headers["x-ms-run-function-failed"] = str(run_function_failed)
        for name, value in response_headers.items():
            for part in value.split(","):  # a comma separates the values of a repeated header
                self.headers.add(name, part.strip())
