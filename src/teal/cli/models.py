"""`teal model …`: one function a command, over the SDK. Used by the command table."""

from typing import Any

from teal.cli.changes import Given, apply_changes, build_changes
from teal.cli.pairs import parse_pairs
from teal.cli.versions import build_version_commands
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


show, list_, update, archive, restore = build_version_commands(
    lambda client: client.models,
    parse_model_data,
    fixed=("name", "version", "path", "type"),
)


def download(client: MLClient, name: str, version: str, download_path: str = ".") -> None:
    client.models.download(name, version, download_path)
