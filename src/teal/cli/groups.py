"""`teal group …`: resource groups are only names here; scripts ask for them all the same. Used by the command table."""

from typing import Any

from knack.log import get_logger

from teal.cli.configuration import LOCATION
from teal.sdk.client import MLClient
from teal.sdk.scopes import load_defaults

logger = get_logger(__name__)


def show(client: MLClient, name: str | None = None) -> Any:
    return _describe(client, name or client.resource_group_name)


def create(client: MLClient, name: str, location: str | None = None, tags: list[str] | None = None) -> Any:
    del tags
    logger.warning("There is nothing to create: a resource group is a name, made with the first thing in it.")
    return {**_describe(client, name), **({"location": location} if location else {})}


def exists(client: MLClient, name: str) -> bool:
    del client
    return bool(name)


# --- private


def _describe(client: MLClient, name: str) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{client.subscription_id}/resourceGroups/{name}",
        "location": load_defaults().get("location") or LOCATION,
        "managedBy": None,
        "name": name,
        "properties": {"provisioningState": "Succeeded"},
        "tags": {},
        "type": "Microsoft.Resources/resourceGroups",
    }
