"""Environments: entity to ARM body and back (spec/wire.md §3.5). Pure; used by sdk/operations/environments.py."""

from collections.abc import Mapping
from typing import Any

from teal.sdk.entities.environments import BuildContext, Environment
from teal.sdk.references import parse_versioned_id
from teal.sdk.wire.fields import as_map, build_texts, creation_context, pascal, snake_keys, without_none
from teal.sdk.yaml_files import parse_yaml


def build_environment(
    environment: Environment, *, conda: str | None, context_uri: str | None, anonymous: bool
) -> dict[str, Any]:
    """A version of an environment, as PUT sends it; conda is inline text."""
    build = environment.build
    return {
        "properties": without_none(
            description=environment.description,
            tags=build_texts(environment.tags) or None,
            properties=build_texts(environment.properties) or None,
            image=environment.image,
            condaFile=conda,
            build=without_none(contextUri=context_uri, dockerfilePath=build.dockerfile_path) if build else None,
            inferenceConfig=_build_inference(environment.inference_config),
            osType=pascal(environment.os_type) if environment.os_type else None,
            isAnonymous=anonymous,
            isArchived=False,
        )
    }


def parse_environment(resource: Mapping[str, Any]) -> Environment:
    """The version in an answer."""
    properties = as_map(resource.get("properties"))
    name, version = parse_versioned_id(str(resource["id"]))
    build = as_map(properties.get("build"))
    conda = properties.get("condaFile")
    os_type = properties.get("osType")
    return Environment(
        id=resource["id"],
        name=name,
        version=version,
        description=properties.get("description"),
        tags=as_map(properties.get("tags")),
        properties=as_map(properties.get("properties")),
        image=properties.get("image"),
        conda_file=parse_yaml(conda) if conda else None,
        build=BuildContext(dockerfile_path=build.get("dockerfilePath"), path=build.get("contextUri"))
        if build
        else None,
        inference_config=snake_keys(properties.get("inferenceConfig")) if properties.get("inferenceConfig") else None,
        os_type=str(os_type).lower() if os_type else None,
        creation_context=creation_context(resource),
    )


# --- private


def _build_inference(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not config:
        return None
    names = {"liveness_route": "livenessRoute", "readiness_route": "readinessRoute", "scoring_route": "scoringRoute"}
    return {names.get(key, key): dict(route) for key, route in config.items()}
