"""The client library's public names, found when they are first used so that importing this costs nothing."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from teal.sdk.client import MLClient
    from teal.sdk.errors import (
        ClientAuthenticationError,
        HttpResponseError,
        NotRunning,
        OperationFailed,
        OperationTimedOut,
        ResourceExistsError,
        ResourceModifiedError,
        ResourceNotFoundError,
        TealError,
        Unsupported,
        ValidationError,
    )
    from teal.sdk.exports import env
    from teal.sdk.loading import load_environment, load_model, load_online_deployment, load_online_endpoint
    from teal.sdk.pollers import LROPoller

__all__ = [
    "ClientAuthenticationError",
    "HttpResponseError",
    "LROPoller",
    "MLClient",
    "NotRunning",
    "OperationFailed",
    "OperationTimedOut",
    "ResourceExistsError",
    "ResourceModifiedError",
    "ResourceNotFoundError",
    "TealError",
    "Unsupported",
    "ValidationError",
    "env",
    "load_environment",
    "load_model",
    "load_online_deployment",
    "load_online_endpoint",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'teal.sdk' has no attribute '{name}'")
    modules = {"MLClient": "client", "LROPoller": "pollers", "env": "exports"}
    module = modules.get(name, "loading" if name.startswith("load_") else "errors")
    return getattr(import_module(f"teal.sdk.{module}"), name)


def __dir__() -> list[str]:
    return list(__all__)
