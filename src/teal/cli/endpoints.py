"""`teal online-endpoint …`: one function a command, over the SDK. Used by the command table."""

from typing import Any

from knack.util import CLIError

from teal.cli.changes import Given, apply_changes, build_changes, find_set, refuse_fixed
from teal.cli.pairs import parse_percents
from teal.cli.progress import finish, leave
from teal.cli.races import build_refusal, retry_when_modified
from teal.sdk.client import MLClient
from teal.sdk.entities.dumping import dump
from teal.sdk.entities.endpoints import EndpointAuthKeys, OnlineEndpoint
from teal.sdk.errors import ResourceModifiedError
from teal.sdk.loading import load_data, parse_endpoint_data, place_here
from teal.sdk.pollers import LROPoller
from teal.sdk.wire.endpoints import build_traffic
from teal.sdk.yaml_shapes import MANAGED_ENDPOINT


def create(
    client: MLClient,
    name: str | None = None,
    file: str | None = None,
    auth_mode: str | None = None,
    set_values: Given = None,
    no_wait: bool = False,
) -> Any:
    data, place = load_data(file) if file else ({}, place_here("the command line"))
    data = apply_changes({**data, **_given(name=name, auth_mode=auth_mode)}, build_changes(set_values))
    if not data.get("name"):
        raise CLIError("What is it called? Give --name, or a file that names it.")
    endpoint = parse_endpoint_data(data, place)
    asked = str(endpoint.name)
    try:
        poller = client.online_endpoints.begin_create_or_update(endpoint, only_new=True)
    except ResourceModifiedError as error:
        change = f"`teal online-endpoint update -n {asked}` changes it."
        raise build_refusal(f"The endpoint '{asked}' exists already. {change}", error.hint) from None
    if no_wait:
        return leave(f"Creating the endpoint '{asked}'", _show(asked))
    return dump(finish(poller, doing=f"creating {asked}", ask_later=_show(asked)))


def show(client: MLClient, name: str) -> Any:
    return dump(client.online_endpoints.get(name))


def list_(client: MLClient) -> Any:
    return [dump(each) for each in client.online_endpoints.list()]


def update(
    client: MLClient,
    name: str | None = None,
    file: str | None = None,
    traffic: list[str] | None = None,
    mirror_traffic: list[str] | None = None,
    set_values: Given = None,
    add_values: Given = None,
    remove_values: Given = None,
    force_string: bool = False,
    no_wait: bool = False,
) -> Any:
    data, place = load_data(file) if file else ({}, place_here("the update"))
    changes = build_changes(set_values, add_values, remove_values, force_string=force_string)
    asked = name or find_set(changes, "name") or data.get("name")
    if not asked:
        raise CLIError("Which endpoint? Give --name, or a file that names it.")
    split, mirror = parse_percents(traffic, "--traffic"), parse_percents(mirror_traffic, "--mirror-traffic")
    if not data and not changes and split is None and mirror is None:
        raise CLIError("Nothing to change. Give --traffic, --mirror-traffic, --set or --file.")
    if not data and not changes:
        poller = client.online_endpoints.begin_update(asked, traffic=split, mirror_traffic=mirror)
    else:
        also = _given(
            traffic=None if split is None else build_traffic(split),
            mirrorTraffic=None if mirror is None else build_traffic(mirror),
        )

        def change() -> LROPoller[OnlineEndpoint]:
            before = client.online_endpoints.get(asked)
            stated = {**dump(before), **data, "name": before.name}
            wanted = apply_changes(stated, changes)
            refuse_fixed(stated, wanted, names=("name",), filled=MANAGED_ENDPOINT.read_only)
            return client.online_endpoints.begin_change(before, parse_endpoint_data(wanted, place), also=also)

        poller = retry_when_modified(change)
    if no_wait:
        return leave(f"Updating the endpoint '{asked}'", _show(asked))
    return dump(finish(poller, doing=f"updating {asked}", ask_later=_show(asked)))


def delete(client: MLClient, name: str, no_wait: bool = False) -> None:
    poller = client.online_endpoints.begin_delete(name)
    if no_wait:
        return leave(f"Deleting the endpoint '{name}'", _show(name))
    return finish(poller, doing=f"deleting {name}", ask_later=_show(name))


def invoke(client: MLClient, name: str, request_file: str, deployment_name: str | None = None) -> str:
    return client.online_endpoints.invoke(name, request_file=request_file, deployment_name=deployment_name)


def get_credentials(client: MLClient, name: str) -> Any:
    found = client.online_endpoints.get_keys(name)
    if isinstance(found, EndpointAuthKeys):
        return {
            "primaryKey": found.primary_key,
            "secondaryKey": found.secondary_key,
            "accessToken": found.access_token,
        }
    # The caller's own token, which an aad_token endpoint takes, has no times of its own.
    times = {"expiryTimeUtc": found.expiry_time_utc, "refreshAfterTimeUtc": found.refresh_after_time_utc}
    return {
        "accessToken": found.access_token,
        **({} if found.expiry_time_utc == 0 else times),
        "tokenType": found.token_type,
    }


def regenerate_keys(client: MLClient, name: str, key_type: str = "primary", no_wait: bool = False) -> None:
    poller = client.online_endpoints.begin_regenerate_keys(name, key_type=key_type)
    if no_wait:
        return leave(f"A new {key_type} key for '{name}'", _show(name))
    return finish(poller, doing=f"replacing the {key_type} key of {name}", ask_later=_show(name))


# --- private


def _given(**members: Any) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value is not None}


def _show(name: str) -> str:
    return f"teal online-endpoint show -n {name}"
