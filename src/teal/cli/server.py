"""`teal up`, `down`, `status`: handed on to the server, which is imported only then. Used by the command table."""

from importlib import import_module
from typing import Any


def up(
    data_dir: str | None = None,
    port: int | None = None,
    gateway_port: int | None = None,
    host: str | None = None,
    detach: bool = False,
) -> Any:
    return _run("up", data_dir=data_dir, port=port, gateway_port=gateway_port, host=host, detach=detach)


def down(data_dir: str | None = None, keep_serving: bool = False) -> Any:
    return _run("down", data_dir=data_dir, keep_serving=keep_serving)


def status(data_dir: str | None = None) -> Any:
    return _run("status", data_dir=data_dir)


# --- private


def _run(verb: str, **arguments: Any) -> Any:
    # By name, not by import: the command line is a client and stays one (tests hold it to that).
    return getattr(import_module("teal.server.commands"), verb)(**arguments)
