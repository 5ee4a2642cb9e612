"""`teal environment …`: one function a command, over the SDK. Used by the command table."""

from typing import Any

from teal.cli.changes import Given, apply_changes, build_changes
from teal.cli.pairs import parse_pairs
from teal.cli.versions import build_version_commands
from teal.sdk.client import MLClient
from teal.sdk.entities.dumping import dump
from teal.sdk.loading import load_data, parse_environment_data, place_here


def create(
    client: MLClient,
    name: str | None = None,
    version: str | None = None,
    image: str | None = None,
    conda_file: str | None = None,
    build_context: str | None = None,
    dockerfile_path: str | None = None,
    file: str | None = None,
    os_type: str | None = None,
    tags: list[str] | None = None,
    description: str | None = None,
    datastore: str | None = None,
    set_values: Given = None,
    no_wait: bool = False,
) -> Any:
    data, place = load_data(file) if file else ({}, place_here("the command line"))
    here = place_here("the command line")
    build = {
        "path": None if build_context is None else here.resolve(build_context),
        "dockerfile_path": dockerfile_path,
    }
    given = {
        "name": name,
        "version": version,
        "image": image,
        "conda_file": None if conda_file is None else here.resolve(conda_file),
        "build": {key: value for key, value in build.items() if value is not None} or None,
        "os_type": os_type,
        "tags": parse_pairs(tags, "--tags") or None,
        "description": description,
        "datastore": datastore,
    }
    data = {**data, **{key: value for key, value in given.items() if value is not None}}
    wanted = parse_environment_data(apply_changes(data, build_changes(set_values)), place)
    environment = client.environments.create_or_update(wanted)
    return None if no_wait else dump(environment)


show, list_, update, archive, restore = build_version_commands(
    lambda client: client.environments,
    parse_environment_data,
    fixed=("name", "version", "image", "conda_file", "build", "inference_config"),
)
