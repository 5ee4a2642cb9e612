"""`teal model …`: one function a command, over the SDK. Used by the command table."""

from itertools import islice
from typing import Any

from knack.util import CLIError

from teal.cli.changes import Given, apply_changes, build_changes, refuse_other_identity
from teal.cli.pairs import parse_pairs
from teal.cli.views import choose_view
from teal.sdk.client import MLClient
from teal.sdk.entities.dumping import dump
from teal.sdk.loading import load_data, parse_model_data, place_here


def create(
    client: MLClient,
    name: str | None = None,
    version: str | None = None,
    path: str | None = None,
    asset_type: str | None = None,
    file: str | None = None,
    description: str | None = None,
    tags: list[str] | None = None,
    datastore: str | None = None,
    set_values: Given = None,
    no_wait: bool = False,
) -> Any:
    data, place = load_data(file) if file else ({}, place_here("the command line"))
    here = place_here("--path")
    given = {
        "name": name,
        "version": version,
        "path": None if path is None else here.resolve(path),
        "type": asset_type,
        "description": description,
        "tags": parse_pairs(tags, "--tags") or None,
        "datastore": datastore,
    }
    data = {**data, **{key: value for key, value in given.items() if value is not None}}
    model = client.models.create_or_update(parse_model_data(apply_changes(data, build_changes(set_values)), place))
    return None if no_wait else dump(model)


def show(client: MLClient, name: str, version: str | None = None, label: str | None = None) -> Any:
    return dump(client.models.get(name, version, label))


def list_(
    client: MLClient,
    name: str | None = None,
    max_results: int | None = None,
    include_archived: bool = False,
    archived_only: bool = False,
) -> Any:
    found = client.models.list(name, list_view_type=choose_view(include_archived, archived_only))
    return [dump(each) for each in islice(found, max_results)]


def update(
    client: MLClient,
    name: str,
    version: str | None = None,
    label: str | None = None,
    set_values: Given = None,
    add_values: Given = None,
    remove_values: Given = None,
    force_string: bool = False,
) -> Any:
    changes = build_changes(set_values, add_values, remove_values, force_string=force_string)
    if not changes:
        raise CLIError("Nothing to change. Give --set, --add or --remove.")
    before = client.models.get(name, version, label)
    wanted = apply_changes(dump(before), changes)
    refuse_other_identity(dump(before), wanted, ("name", "version", "path", "type"))
    return dump(client.models.create_or_update(parse_model_data(wanted, place_here("the update"))))


def archive(client: MLClient, name: str, version: str | None = None, label: str | None = None) -> None:
    client.models.archive(name, version, label)


def restore(client: MLClient, name: str, version: str | None = None, label: str | None = None) -> None:
    client.models.restore(name, version, label)


def download(client: MLClient, name: str, version: str, download_path: str = ".") -> None:
    client.models.download(name, version, download_path)
