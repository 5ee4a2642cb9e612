"""`teal workspace …`: one function a command, over the SDK. Used by the command table."""

from itertools import islice
from typing import Any

from knack.log import get_logger

from teal.cli.changes import Given, apply_changes, build_changes
from teal.cli.pairs import parse_pairs
from teal.cli.progress import finish, leave
from teal.sdk.client import MLClient
from teal.sdk.entities.dumping import dump
from teal.sdk.entities.workspaces import Workspace
from teal.sdk.loading import load_data, parse_workspace_data, place_here

logger = get_logger(__name__)


def create(
    client: MLClient,
    name: str | None = None,
    file: str | None = None,
    location: str | None = None,
    display_name: str | None = None,
    description: str | None = None,
    tags: list[str] | None = None,
    managed_network: str | None = None,
    set_values: Given = None,
    no_wait: bool = False,
) -> Any:
    if managed_network:
        _say_no_network("--managed-network is not used")
    data, place = load_data(file) if file else ({}, place_here("the command line"))
    given = {
        "name": name or data.get("name") or client.workspace_name,
        "location": location,
        "display_name": display_name,
        "description": description,
        "tags": parse_pairs(tags, "--tags") or None,
    }
    data = {**data, **{key: value for key, value in given.items() if value is not None}}
    workspace = parse_workspace_data(apply_changes(data, build_changes(set_values)), place)
    poller = client.workspaces.begin_create(workspace)
    if no_wait:
        return leave(f"Creating the workspace '{workspace.name}'", _show(workspace.name))
    return show_all(finish(poller, doing=f"creating {workspace.name}", ask_later=_show(workspace.name)))


def show(client: MLClient, name: str | None = None) -> Any:
    return show_all(client.workspaces.get(name))


def list_(client: MLClient, max_results: int | None = None, whole_subscription: bool = False) -> Any:
    scope = "subscription" if whole_subscription else "resource_group"
    return [show_all(each) for each in islice(client.workspaces.list(scope=scope), max_results)]


def delete(client: MLClient, name: str | None = None, all_resources: bool = False, no_wait: bool = False) -> None:
    asked = name or client.workspace_name
    poller = client.workspaces.begin_delete(asked, delete_dependent_resources=all_resources)
    if no_wait:
        return leave(f"Deleting the workspace '{asked}'", _show(asked))
    return finish(poller, doing=f"deleting {asked}", ask_later=_show(asked))


def provision_network(client: MLClient, name: str | None = None, include_spark: bool = False) -> None:
    del client, name, include_spark
    _say_no_network("Nothing to provision")


def show_all(workspace: Workspace) -> dict[str, Any]:
    """With the keys scripts read, also where Teal has nothing to say: `--query container_registry` is then empty."""
    azure = ("storage_account", "container_registry", "key_vault", "application_insights")
    return dict(sorted({**dict.fromkeys(azure), **dump(workspace)}.items()))


# --- private


def _say_no_network(what: str) -> None:
    logger.warning("%s: there are no networks here. Who can reach the server's ports can send requests.", what)


def _show(name: str) -> str:
    return f"teal workspace show --name {name}"
