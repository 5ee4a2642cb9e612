"""What a user's `logging.json` names as `azureml_inference_server_http.log_config.…` where that package is not
installed; see stand_ins.py."""

import logging
import time
from typing import Literal


class AMLLogFormatter(logging.Formatter):
    """The reference server's line: UTC, one letter for the level."""

    def __init__(
        self,
        fmt: str = "%(asctime)s %(levelname).1s [%(process)d] %(name)s - %(message)s",
        datefmt: str | None = None,
        style: Literal["%", "{", "$"] = "%",
    ) -> None:
        super().__init__(fmt=fmt, datefmt=datefmt, style=style)
        self.converter = time.gmtime


class RootAccessFilter(logging.Filter):
    """Keeps health probes out."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "GET / HTTP/1.1" not in record.getMessage()
