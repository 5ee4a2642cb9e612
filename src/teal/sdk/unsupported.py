"""What azure.ai.ml offers and Teal does not, or not yet: refused with one sentence each. Used by the operations."""

from collections.abc import Mapping
from typing import NoReturn

from teal.sdk.errors import Unsupported

#: Groups of azure.ai.ml's MLClient that lie outside of what Teal is for.
GROUPS: Mapping[str, str] = {
    "jobs": "it serves models, and trains none",
    "schedules": "it serves models, and schedules nothing",
    "components": "it serves models, and trains none",
    "data": "it serves models, and keeps no data sets",
    "datastores": "files lie in the one store it has",
    "batch_endpoints": "it has online endpoints only",
    "batch_deployments": "it has online endpoints only",
    "registries": "models and environments live in workspaces",
    "connections": "secrets come as environment variables",
    "feature_sets": "it serves models, and keeps no features",
    "feature_stores": "it serves models, and keeps no features",
    "serverless_endpoints": "it has online endpoints only",
    "indexes": "it serves models, and searches nothing",
}


def refuse_local(local: bool | None) -> None:
    """`local=True` means Docker on the caller's machine; Teal's server is already there."""
    if local:
        raise Unsupported(
            "local=True is not offered yet.",
            hint="A Teal server on this machine (`teal up`) does the same without Docker.",
            target="local",
        )


def refuse(option: str, given: object) -> None:
    """An option that must be left alone."""
    if given:
        raise Unsupported(f"{option} is not offered yet.", target=option)


def refuse_share() -> NoReturn:
    """Sharing puts an asset into a registry."""
    raise Unsupported(
        "share is not offered: there are no registries, only workspaces.",
        hint="Register the asset in the other workspace: a client of that one, and create_or_update.",
        target="share",
    )


def refuse_package() -> NoReturn:
    """Packaging builds an image ahead of a deployment."""
    raise Unsupported(
        "package is not offered: a deployment's environment is built where it runs, once for the same content.",
        hint="Deploy the model as it is.",
        target="package",
    )


def describe_missing_group(name: str) -> str:
    """What `ml_client.jobs` says."""
    return f"Teal's MLClient has no '{name}': {GROUPS[name]}."
