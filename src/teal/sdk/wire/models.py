"""Models: entity to ARM body and back (spec/wire.md §3.4). Pure; used by sdk/operations/models.py."""

from collections.abc import Mapping
from typing import Any

from teal.sdk.entities.models import Model
from teal.sdk.references import parse_versioned_id
from teal.sdk.wire.fields import as_map, build_texts, creation_context, without_none


def build_model(model: Model, *, uri: str, anonymous: bool) -> dict[str, Any]:
    """A version of a model, as PUT sends it."""
    return {
        "properties": without_none(
            description=model.description,
            tags=build_texts(model.tags),
            properties=build_texts(model.properties),
            flavors=model.flavors or None,
            modelType=model.type,
            modelUri=uri,
            stage=model.stage,
            isAnonymous=anonymous,
            isArchived=False,
        )
    }


def parse_model(resource: Mapping[str, Any]) -> Model:
    """The version in an answer."""
    properties = as_map(resource.get("properties"))
    name, version = parse_versioned_id(str(resource["id"]))
    context = creation_context(resource)
    return Model(
        id=resource["id"],
        name=name,
        version=version,
        type=properties.get("modelType"),
        path=properties.get("modelUri"),
        description=properties.get("description"),
        tags=as_map(properties.get("tags")),
        properties=as_map(properties.get("properties")),
        flavors=as_map(properties.get("flavors")),
        stage=properties.get("stage"),
        creation_context=context,
        utc_time_created=(context or {}).get("created_at"),
    )
