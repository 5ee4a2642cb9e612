"""`teal group …`: resource groups are only names here; scripts ask for them all the same. Used by the command table."""

from typing import Any

from knack.log import get_logger
from knack.util import CLIError

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


def list_(client: MLClient) -> Any:
    names = {workspace.resource_group or "" for workspace in client.workspaces.list(scope="subscription")}
    return [_describe(client, name) for name in sorted({client.resource_group_name, *names} - {""})]


def delete(client: MLClient, name: str, no_wait: bool = False) -> None:
    del no_wait
    found = client.workspaces.list(scope="subscription")
    left = [str(each.name) for each in found if str(each.resource_group).lower() == name.lower()]
    if left:
        raise CLIError(
            f"The resource group '{name}' still has the workspaces {', '.join(left)}. "
            f"`teal workspace delete -g {name} -n {left[0]} --all-resources` deletes one with its endpoints."
        )
    logger.warning("There is nothing to delete: a resource group is a name, gone with the last thing in it.")


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
