"""AZUREML_DEBUG_PORT: wait for a debugger before the script is imported. Used by worker.py."""

import importlib
import logging
from typing import Any

from .failures import DebuggerMissing

logger = logging.getLogger("azmlinfsrv")


def attach_debugger(port: int | None) -> None:
    """Connect to the debugger that listens on `port`, and wait for it. Raises DebuggerMissing."""
    if port is None:
        return
    logger.warning("AZUREML_DEBUG_PORT is set: the server waits for a debugger. Do not set it in production.")
    try:
        debugpy: Any = importlib.import_module("debugpy")
    except ModuleNotFoundError as error:
        raise DebuggerMissing(
            "AZUREML_DEBUG_PORT is set and debugpy is not installed",
            "Add debugpy to the environment's dependencies, or unset the variable.",
        ) from error
    logger.info("Connecting to the debugger at port %d", port)
    debugpy.connect(port)
    debugpy.wait_for_client()
