"""A name with all its versions, as lists without a name answer it (spec/wire.md §3.4). Pure; used by models.py and
environments.py of this room."""

from collections.abc import Mapping
from typing import Any, TypeVar

from teal.sdk.entities.environments import Environment
from teal.sdk.entities.models import Model
from teal.sdk.wire.fields import as_map, creation_context

A = TypeVar("A", Model, Environment)


def parse_container(make: type[A], resource: Mapping[str, Any]) -> A:
    properties = as_map(resource.get("properties"))
    return make(
        id=resource.get("id"),
        name=resource.get("name"),
        latest_version=properties.get("latestVersion"),
        description=properties.get("description"),
        tags=as_map(properties.get("tags")),
        properties=as_map(properties.get("properties")),
        creation_context=creation_context(resource),
    )
