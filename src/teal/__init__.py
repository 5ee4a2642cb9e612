"""Teal: online endpoints with safe rollout, self-hosted."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from teal.sdk import MLClient, env, load_environment, load_model, load_online_deployment, load_online_endpoint

#: The client library's front door; loaded when first used, so that `import teal` costs nothing.
_FROM_SDK = ("MLClient", "env", "load_environment", "load_model", "load_online_deployment", "load_online_endpoint")

__all__ = [
    "MLClient",
    "__version__",
    "env",
    "load_environment",
    "load_model",
    "load_online_deployment",
    "load_online_endpoint",
]


def __getattr__(name: str) -> Any:
    if name not in _FROM_SDK:
        raise AttributeError(f"module 'teal' has no attribute '{name}'")
    import teal.sdk

    return getattr(teal.sdk, name)
