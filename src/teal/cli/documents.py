"""The documents of a YAML file and what each describes: a model, an environment, an endpoint, a deployment. Pure but
for reading the file; used by `teal apply`."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from teal.sdk.errors import ValidationError
from teal.sdk.loading import load_documents
from teal.sdk.shapes import Place

#: Endings of `$schema`, with what a document of that schema is.
SCHEMAS: Mapping[str, str] = {
    "onlineendpoint.schema.json": "online-endpoint",
    "onlinedeployment.schema.json": "online-deployment",
    "model.schema.json": "model",
    "environment.schema.json": "environment",
}
#: Keys only one of them has; the first that fits says what it is.
TELLING: tuple[tuple[str, frozenset[str]], ...] = (
    ("online-deployment", frozenset({"endpoint_name", "instance_type", "instance_count", "code_configuration"})),
    ("online-endpoint", frozenset({"auth_mode", "traffic", "mirror_traffic", "public_network_access", "compute"})),
    ("environment", frozenset({"image", "build", "conda_file", "inference_config"})),
    ("model", frozenset({"path", "flavors", "stage"})),
)


@dataclass(frozen=True, slots=True)
class Document:
    """One described thing, and where it stands."""

    kind: str
    data: dict[str, Any]
    place: Place


def read_documents(file: str) -> list[Document]:
    """Every document of a file; `-` reads from standard input."""
    return [Document(tell_kind(data, place.source), data, place) for data, place in load_documents(_source(file))]


def tell_kind(data: Mapping[str, Any], source: str) -> str:
    """What it describes, from `$schema`, else from its keys."""
    schema = str(data.get("$schema") or "").lower()
    for ending, kind in SCHEMAS.items():
        if schema.endswith(ending):
            return kind
    if schema:
        raise ValidationError(
            f"{source}: '{data['$schema']}' describes nothing that apply knows.",
            hint="It knows endpoints, deployments, models and environments.",
        )
    for kind, keys in TELLING:
        if keys & set(data):
            return kind
    raise ValidationError(
        f"{source} could describe several things.",
        hint="Say which with `$schema`, for example "
        "https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json.",
    )


# --- private


def _source(file: str) -> Any:
    return sys.stdin if file == "-" else file
