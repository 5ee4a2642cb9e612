"""`teal up`, `down`, `status`: handed on to the server, which is imported only then. Used by the command table."""

import os
from importlib import import_module
from typing import Any

from teal.sdk.addresses import DEFAULT_DATA_DIR


def up(
    data_dir: str | None = None,
    port: int | None = None,
    gateway_port: int | None = None,
    host: str = "127.0.0.1",
    detach: bool = False,
) -> Any:
    return _run("up", data_dir, port=port, gateway_port=gateway_port, host=host, detach=detach)


def down(data_dir: str | None = None) -> Any:
    return _run("down", data_dir)


def status(data_dir: str | None = None) -> Any:
    return _run("status", data_dir)


# --- private


def _run(verb: str, data_dir: str | None, **arguments: Any) -> Any:
    chosen = data_dir or os.environ.get("TEAL_DATA_DIR") or DEFAULT_DATA_DIR
    # By name, not by import: the command line is a client and stays one (tests hold it to that).
    command = getattr(import_module("teal.server.commands"), verb)
    return command(data_dir=os.path.abspath(os.path.expanduser(chosen)), **arguments)
